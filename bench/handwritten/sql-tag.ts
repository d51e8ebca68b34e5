/** What a hand-written statement can be given. Absent elements of an array are null. */
export type SqlValue = string | number | boolean | Date | null | readonly (string | boolean | Date | null)[];

/**
 * Runs a hand-written statement, on whichever driver: the tag of a template whose values are sent as parameters. That of
 * postgres.js is one as it is.
 */
export type SqlTag = <Rows extends readonly object[]>(
  text: TemplateStringsArray,
  ...values: SqlValue[]
) => PromiseLike<Rows & { readonly count: number }>;

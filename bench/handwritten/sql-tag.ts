/** Parameters of a hand-written statement. Missing elements of an array are null. */
export type SqlValue = string | number | boolean | Date | null | readonly (string | boolean | Date | null)[];

/**
 * Runs a hand-written statement on any driver: a template tag whose values are sent as parameters. postgres.js's own tag
 * satisfies it.
 */
export type SqlTag = <Rows extends readonly object[]>(
  text: TemplateStringsArray,
  ...values: SqlValue[]
) => PromiseLike<Rows & { readonly count: number }>;

/** Whether this is `test:long`, which runs in full what `test` runs a slice of. */
const isLong = process.env["FLUX_TESTS"] === "long";

/** `short` in `test`, `long` in `test:long`. */
export const amount = (short: number, long: number): number => (isLong ? long : short);

/** The first `count` of them in `test`, all of them in `test:long`. */
export const slice = <Item>(items: readonly Item[], count: number): readonly Item[] =>
  isLong ? items : items.slice(0, count);

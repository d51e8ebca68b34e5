/** A list request without paging. */
export type ListQuery = Readonly<Record<string, unknown>> & { readonly sort?: string | undefined };

/** The rows that a list returns for a request, in its order, of all rows that there are: what the services must agree with. */
export function selectedRows<Row extends { readonly id: string }>(
  rows: readonly Row[],
  { sort = "-createdAt", ...filters }: ListQuery,
): Row[] {
  const field = sort.replace("-", "");
  const direction = sort.startsWith("-") ? -1 : 1;
  return rows
    .filter((row) => Object.entries(filters).every(([name, wanted]) => matches(Reflect.get(row, name), wanted)))
    .sort((one, other) => {
      const [a, b]: unknown[] = [Reflect.get(one, field), Reflect.get(other, field)];
      if ((a === null) !== (b === null)) return a === null ? 1 : -1;
      return direction * (compare(a, b) || compare(one.id, other.id));
    });
}

function matches(value: unknown, wanted: unknown): boolean {
  if (wanted === undefined) return true;
  if (Array.isArray(wanted)) return wanted.includes(value);
  if (typeof wanted !== "object" || wanted === null) return value === wanted;
  const { from, before }: { readonly from?: unknown; readonly before?: unknown } = wanted;
  if (value === null) return false;
  return (from === undefined || compare(value, from) >= 0) && (before === undefined || compare(value, before) < 0);
}

function compare(one: unknown, other: unknown): number {
  const [a, b] = [one, other].map((value) => (value instanceof Date ? value.getTime() : value)) as [string, string];
  return a < b ? -1 : a > b ? 1 : 0;
}

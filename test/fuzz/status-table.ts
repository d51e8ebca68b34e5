import type { Operation } from "../rest/openapi-document.ts";
import type { FuzzRequest } from "./request.ts";

const CLASSES = ["2xx", "400", "403", "404", "405", "409", "412", "413", "415", "422", "431", "5xx", "other"] as const;

/** Counts responses by operation, and by kind of request. */
export class StatusTable {
  readonly #byOperation = new Map<string, Map<string, number>>();
  readonly #byKind = new Map<string, Map<string, number>>();

  add({ operation, kind }: FuzzRequest, status: number): void {
    const column = classOf(status);
    count(this.#byOperation, `${operation.method} ${operation.path}`, column);
    count(this.#byKind, kind, column);
  }

  /** Whether a request for it succeeded. */
  isDone({ method, path }: Operation): boolean {
    return this.#byOperation.get(`${method} ${path}`)?.has("2xx") ?? false;
  }

  toString(): string {
    return `${format("operation", this.#byOperation)}\n\n${format("request", this.#byKind)}`;
  }
}

function classOf(status: number): string {
  if (status >= 200 && status < 300) return "2xx";
  if (status >= 500) return "5xx";
  return CLASSES.find((name) => name === String(status)) ?? "other";
}

function count(table: Map<string, Map<string, number>>, row: string, column: string): void {
  const counts = table.get(row) ?? new Map<string, number>();
  table.set(row, counts);
  counts.set(column, (counts.get(column) ?? 0) + 1);
}

function format(title: string, table: ReadonlyMap<string, ReadonlyMap<string, number>>): string {
  const columns = CLASSES.filter((column) => [...table.values()].some((counts) => counts.has(column)));
  const total = new Map<string, number>();
  for (const counts of table.values())
    for (const [column, n] of counts) total.set(column, (total.get(column) ?? 0) + n);
  const line = (name: string, counts: ReadonlyMap<string, number>) => [
    name,
    ...columns.map((column) => String(counts.get(column) ?? "")),
  ];
  const lines = [[title, ...columns], ...[...table].map(([name, counts]) => line(name, counts)), line("all", total)];
  const widths = lines[0]?.map((_, index) => Math.max(...lines.map((cells) => cells[index]?.length ?? 0))) ?? [];
  return lines
    .map((cells) =>
      cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join("  "),
    )
    .join("\n");
}

import { versionOf } from "@flux/dao-core";
import { type Fields, idOf, KINDS, type Kind, type KnownRows } from "../known-rows.ts";
import { ENTITIES } from "./entities.ts";

export interface Row {
  readonly kind: Kind;
  readonly id: string;
  /** The DTO, as the last write returned it. */
  readonly fields: Fields;
  /**
   * Its version in that result: every later read must return the same one. `undefined` if the last write did not return the
   * row: then the first read sets it.
   */
  readonly version: string | undefined;
  /** Counts the transactions that created rows: of two rows, the one with the higher number is younger. */
  readonly transaction: number;
}

/**
 * How two rows created within one millisecond are ordered, which their DTOs do not show. With `sequence`, the row of the later
 * call is younger; with `milliseconds`, the database knows no better, and orders by id; with `unknown`, the order is open, since
 * the calls overlapped and the database counts microseconds.
 */
export type Clock = "sequence" | "milliseconds" | "unknown";

/**
 * All rows, as they should be. Rows are replaced, never mutated, so that a copy costs next to nothing: the search for an
 * order that explains a concurrent history makes many.
 */
export class State {
  readonly #tables: ReadonlyMap<Kind, Map<string, Row>>;
  readonly #clock: Clock;
  /** The row that each cursor stands for: the last of its page, as it was then. */
  readonly #cursors: Map<string, Row>;
  /** What results show of rows that were not returned by the calls which created them. */
  readonly known: KnownRows;
  #transaction = 0;

  private constructor(
    tables: ReadonlyMap<Kind, Map<string, Row>>,
    cursors: Map<string, Row>,
    clock: Clock,
    known: KnownRows,
  ) {
    this.#tables = tables;
    this.#cursors = cursors;
    this.#clock = clock;
    this.known = known;
  }

  static empty(clock: Clock, known: KnownRows): State {
    return new State(new Map(KINDS.map((kind) => [kind, new Map()])), new Map(), clock, known);
  }

  copy(): State {
    const tables = new Map([...this.#tables].map(([kind, rows]) => [kind, new Map(rows)]));
    const copy = new State(tables, new Map(this.#cursors), this.#clock, this.known);
    copy.#transaction = this.#transaction;
    return copy;
  }

  /** Distinguishes states that different orders of the same operations lead to. */
  digest(): string {
    const digestOf = ({ kind, id, version, fields }: Row) => `${kind} ${id} ${version ?? versionOf(fields)}`;
    const rows = KINDS.flatMap((kind) => this.rows(kind).map(digestOf));
    return rows.sort().join("\n");
  }

  find(kind: Kind, id: unknown): Row | undefined {
    return this.#table(kind).get(String(id).toLowerCase());
  }

  rows(kind: Kind): Row[] {
    return [...this.#table(kind).values()];
  }

  /** Oldest first, then by id; 0 if the order is open. */
  byAge(a: Row, b: Row): number {
    const byMillisecond = instantOf(a, "createdAt") - instantOf(b, "createdAt");
    if (byMillisecond !== 0 || this.#clock === "unknown") return byMillisecond;
    if (this.#clock === "sequence" && a.transaction !== b.transaction) return a.transaction - b.transaction;
    return byId(a, b);
  }

  /** The last row of the page that returned this cursor. */
  rowAt(cursor: unknown): Row | undefined {
    return typeof cursor === "string" ? this.#cursors.get(cursor) : undefined;
  }

  /** Records that a page which ends with `row` returned this cursor. */
  endPage(cursor: string, row: Row): void {
    this.#cursors.set(cursor, row);
  }

  /** Rows of one transaction have the same age. */
  beginTransaction(): void {
    this.#transaction++;
  }

  create(kind: Kind, fields: Fields): void {
    const id = idOf(kind, fields);
    this.#table(kind).set(id, { kind, id, fields, version: versionOf(fields), transaction: this.#transaction });
  }

  replace(row: Row, fields: Fields): void {
    this.#table(row.kind).set(row.id, { ...row, fields, version: versionOf(fields) });
  }

  /** Replaces the row with a state that no call has returned yet: the order of its JSON is unknown. */
  replaceUnseen(row: Row, fields: Fields): void {
    this.#table(row.kind).set(row.id, { ...row, fields, version: undefined });
  }

  /** Every foreign key is ON DELETE CASCADE. */
  delete(kind: Kind, id: string): void {
    this.#table(kind).delete(id);
    for (const child of KINDS) {
      for (const [field, { references }] of Object.entries(ENTITIES[child].fields)) {
        if (references !== kind) continue;
        for (const row of this.rows(child)) if (row.fields[field] === id) this.delete(child, row.id);
      }
    }
  }

  #table(kind: Kind): Map<string, Row> {
    const table = this.#tables.get(kind);
    if (table === undefined) throw new RangeError(`there is no ${kind}`);
    return table;
  }
}

export function byId(a: Row, b: Row): number {
  if (a.id === b.id) return 0;
  return a.id < b.id ? -1 : 1;
}

/** In milliseconds; later than all others if the field is null. */
export function instantOf(row: Row, field: string): number {
  const instant = row.fields[field];
  return instant instanceof Date ? instant.getTime() : Number.MAX_VALUE;
}

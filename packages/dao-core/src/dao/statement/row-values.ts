import { getTableColumns } from "drizzle-orm";
import type { PgColumn, PgTable } from "drizzle-orm/pg-core";
import type { StatementValues } from "./statement.ts";

/** A column that callers write. */
interface WritableColumn {
  readonly name: string;
  /** In a JSON column, `null` means that there is no value. */
  readonly isJson: boolean;
  /** The value that an insert writes by default. */
  readonly whenMissing: unknown;
}

/** The values written to a row of one table, by the names of its DTO. */
export class RowValues {
  readonly columns: Readonly<Record<string, PgColumn>>;
  readonly #writable: readonly WritableColumn[];

  constructor(table: PgTable) {
    this.columns = getTableColumns(table);
    this.#writable = Object.entries(this.columns)
      .filter(([name]) => name !== "id" && name !== "createdAt")
      .map(([name, column]) => ({
        name,
        isJson: column.columnType === "PgJsonb",
        whenMissing: column.default ?? null,
      }));
  }

  /**
   * All columns but `created_at`, which is the database's to set: what `owners` say (the rows that this one belongs to,
   * apart from `input`, since to copy what Zod made costs more than all else here), then `input`, else the default.
   */
  insertValues(id: string, input: object, owners: StatementValues = {}): Record<string, unknown> {
    const values: Record<string, unknown> = { id };
    for (const { name, isJson, whenMissing } of this.#writable) {
      const value: unknown = owners[name] ?? Reflect.get(input, name);
      values[name] = value === undefined || (isJson && value === null) ? whenMissing : value;
    }
    return values;
  }

  /** The columns that `changes` gives. */
  updateValues(id: string, changes: object): StatementValues {
    const values: Record<string, unknown> = { id };
    for (const { name, isJson, whenMissing } of this.#writable) {
      const value: unknown = Reflect.get(changes, name);
      if (value !== undefined) values[name] = isJson && value === null ? whenMissing : value;
    }
    return values;
  }
}

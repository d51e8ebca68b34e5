import type { ColumnValues, EntityRows } from "@flux/dao-core/engine";
import { sql } from "kysely";
import type { Db } from "./kysely-engine.ts";

/** Inserts any number of rows: as one JSON text, since a statement takes 65,535 parameters at the most. */
export function insertMany(
  db: Pick<Db, "insertInto" | "selectFrom">,
  { table, columns }: EntityRows<object>,
  rows: readonly ColumnValues[],
) {
  const written = columns.filter((column) => column !== "created_at");
  const records = sql<
    Record<string, unknown>
  >`json_populate_recordset(null::${sql.table(table)}, ${JSON.stringify(rows)})`;
  return db
    .insertInto(table)
    .columns(written)
    .expression(db.selectFrom(records.as("record")).select(written));
}

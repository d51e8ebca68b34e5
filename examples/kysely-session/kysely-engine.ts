import type { Engine } from "@flux/dao-core/engine";
import { type Kysely, sql } from "kysely";

/**
 * The database, or a transaction within it. The port's `entityRows` know the columns of each table, and make DTOs of its
 * rows: so they are not written down a second time for Kysely.
 */
export type Db = Kysely<Record<string, Record<string, unknown>>>;

/** What the port asks of Kysely itself: transactions, and to run what is no query. */
export function kyselyEngine(database: Db, daos: Engine<Db>["daos"]): Engine<Db> {
  return {
    database,
    daos,
    transaction(work, { isolationLevel, readOnly }) {
      let transaction = database.transaction();
      if (isolationLevel !== undefined) transaction = transaction.setIsolationLevel(isolationLevel);
      if (readOnly === true) transaction = transaction.setAccessMode("read only");
      return transaction.execute(work);
    },
    execute: (db, statement) => sql.raw(statement).execute(db),
  };
}

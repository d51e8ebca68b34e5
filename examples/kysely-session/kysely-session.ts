import type { DatabaseSession } from "@flux/dao-core";
import { type Engine, type EngineSessionOptions, engineSession, entityRows } from "@flux/dao-core/engine";
import { sql } from "kysely";
import { conversationDao } from "./conversation-dao.ts";
import { demoFlagsDao } from "./demo-flags-dao.ts";
import { entityDao } from "./entity-dao.ts";
import { goalDao } from "./goal-dao.ts";
import { idempotencyKeyDao } from "./idempotency-key-dao.ts";
import type { Db } from "./tables.ts";
import { taskDao } from "./task-dao.ts";

/** A `DatabaseSession` whose every statement is Kysely's, on Kysely's connections. */
export function kyselySession(database: Db, options?: EngineSessionOptions): DatabaseSession {
  const engine: Engine<Db> = {
    database,
    daos: (run) => ({
      users: entityDao(run, entityRows.users),
      goals: goalDao(run),
      milestones: entityDao(run, entityRows.milestones),
      tasks: taskDao(run),
      conversations: conversationDao(run),
      demoFlags: demoFlagsDao(run),
      idempotencyKeys: idempotencyKeyDao(run),
    }),
    transaction(work, { isolationLevel, readOnly }) {
      let transaction = database.transaction();
      if (isolationLevel !== undefined) transaction = transaction.setIsolationLevel(isolationLevel);
      if (readOnly === true) transaction = transaction.setAccessMode("read only");
      return transaction.execute(work);
    },
    execute: (db, statement) => sql.raw(statement).execute(db),
  };
  return engineSession(engine, options);
}

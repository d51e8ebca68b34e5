import type { DatabaseSession } from "@flux/dao-core";
import { type EngineSessionOptions, engineSession, entityRows } from "@flux/dao-core/engine";
import { conversationDao } from "./conversation-dao.ts";
import { demoFlagsDao } from "./demo-flags-dao.ts";
import { entityDao } from "./entity-dao.ts";
import { goalDao } from "./goal-dao.ts";
import { idempotencyKeyDao } from "./idempotency-key-dao.ts";
import { type Db, kyselyEngine } from "./kysely-engine.ts";
import { taskDao } from "./task-dao.ts";

/** A `DatabaseSession` whose every statement is Kysely's, on Kysely's connections. */
export function kyselySession(database: Db, options?: EngineSessionOptions): DatabaseSession {
  const engine = kyselyEngine(database, (run) => ({
    users: entityDao(run, entityRows.users),
    goals: goalDao(run),
    milestones: entityDao(run, entityRows.milestones),
    tasks: taskDao(run),
    conversations: conversationDao(run),
    demoFlags: demoFlagsDao(run),
    idempotencyKeys: idempotencyKeyDao(run),
  }));
  return engineSession(engine, options);
}

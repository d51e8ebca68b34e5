import type { Daos } from "../session/daos.ts";
import type { SqlDriver, SqlExecutor, SqlTransaction } from "../session/driver.ts";
import type { DatabaseTelemetry } from "../session/telemetry.ts";
import { TransactingSession } from "../session/transacting-session.ts";
import { SqlConversationDao } from "./conversation-dao.ts";
import { SqlDemoFlagsDao } from "./demo-flags-dao.ts";
import { SqlGoalDao } from "./goal-dao.ts";
import { SqlIdempotencyKeyDao } from "./idempotency-key-dao.ts";
import { SqlMilestoneDao } from "./milestone-dao.ts";
import {
  FollowedStatements,
  type SessionOptions,
  SingleStatements,
  TransactionStatements,
} from "./session-statements.ts";
import { SqlTaskDao } from "./task-dao.ts";
import { SqlUserDao } from "./user-dao.ts";

/** All DAOs over one thing that runs statements. */
function daosOn(statements: SqlExecutor, telemetry: DatabaseTelemetry | undefined): Daos {
  const executor = telemetry === undefined ? statements : new FollowedStatements(statements, telemetry);
  return {
    users: new SqlUserDao(executor),
    goals: new SqlGoalDao(executor),
    milestones: new SqlMilestoneDao(executor),
    tasks: new SqlTaskDao(executor),
    conversations: new SqlConversationDao(executor),
    demoFlags: new SqlDemoFlagsDao(executor),
    idempotencyKeys: new SqlIdempotencyKeyDao(executor),
  };
}

/** A session whose DAOs are ours, on a driver. */
export class DriverSession extends TransactingSession<SqlTransaction> {
  /** @param onFailure told of what each statement that fails fails by */
  constructor(driver: SqlDriver, options: SessionOptions = {}, onFailure?: (error: unknown) => void) {
    const watchers = { ...options, onFailure };
    const telemetry = options.telemetry?.observe(driver);
    super(
      driver,
      daosOn(new SingleStatements(driver, watchers, telemetry), telemetry),
      (transaction, context) => daosOn(new TransactionStatements(transaction, context, watchers), telemetry),
      telemetry,
    );
  }
}

import { ValidationError } from "../contract/errors.ts";
import type { Daos } from "../session/daos.ts";
import type { SqlDriver, SqlExecutor } from "../session/driver.ts";
import { DEFAULT_CONVERSATION_BYTES, isWholeNumber } from "../session/limits.ts";
import type { PieceReads } from "../session/piece-reads.ts";
import type { DatabaseTelemetry } from "../session/telemetry.ts";
import { TransactingSession } from "../session/transacting-session.ts";
import { SqlConversationDao } from "./conversation-dao.ts";
import { SqlDemoFlagsDao } from "./demo-flags-dao.ts";
import { SqlGoalDao } from "./goal-dao.ts";
import { SqlIdempotencyKeyDao } from "./idempotency-key-dao.ts";
import { SqlPieceReads } from "./list/sql-piece-reads.ts";
import { SqlMilestoneDao } from "./milestone-dao.ts";
import {
  FollowedStatements,
  type SessionOptions,
  SingleStatements,
  TransactionStatements,
} from "./statement/session-statements.ts";
import { SqlTaskDao } from "./task-dao.ts";
import { SqlUserDao } from "./user-dao.ts";

function observed(statements: SqlExecutor, telemetry: DatabaseTelemetry | undefined): SqlExecutor {
  return telemetry === undefined ? statements : new FollowedStatements(statements, telemetry);
}

/** All DAOs over one thing that runs statements. */
function daosOn(executor: SqlExecutor, maxConversationBytes: number): Daos {
  return {
    users: new SqlUserDao(executor),
    goals: new SqlGoalDao(executor),
    milestones: new SqlMilestoneDao(executor),
    tasks: new SqlTaskDao(executor),
    conversations: new SqlConversationDao(executor, maxConversationBytes),
    demoFlags: new SqlDemoFlagsDao(executor),
    idempotencyKeys: new SqlIdempotencyKeyDao(executor),
  };
}

/** @throws ValidationError for an option that is no number of bytes */
function conversationBytes({ maxConversationBytes: bytes = DEFAULT_CONVERSATION_BYTES }: SessionOptions): number {
  if (isWholeNumber(bytes, 2)) return bytes;
  throw new ValidationError([{ path: "maxConversationBytes", message: "must be a whole number of bytes from 2 on" }]);
}

/** A session whose DAOs are ours, on a driver. */
export class DriverSession extends TransactingSession {
  /** Reads for callers that hand rows on. */
  readonly pieces: PieceReads;

  /** @param onFailure called with the error of each statement that fails */
  constructor(driver: SqlDriver, options: SessionOptions = {}, onFailure?: (error: unknown) => void) {
    const limit = conversationBytes(options);
    const watchers = { ...options, onFailure };
    const telemetry = options.telemetry?.observe(driver);
    const statements = observed(new SingleStatements(driver, watchers, telemetry), telemetry);
    super(
      driver,
      daosOn(statements, limit),
      (transaction, context) =>
        daosOn(observed(new TransactionStatements(transaction, context, watchers), telemetry), limit),
      telemetry,
    );
    this.pieces = new SqlPieceReads(statements);
  }
}

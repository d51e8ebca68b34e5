/**
 * The data layer: services, DAOs, {@link DaoUnitOfWork}, {@link openDatabase}, DTO schemas and types, errors.
 *
 * @module @flux/dao-core
 */

export type { DatabaseAddress } from "./connection-string/database-url.ts";
export * from "./contract/index.ts";
export {
  Database,
  type DatabaseOptions,
  openDatabase,
  type SessionOptions,
} from "./database.ts";
export type { Finding, FindingName } from "./diagnosis/diagnose.ts";
export type { HostDrizzle, HostKnex, HostKysely, HostPostgresJs, HostTypeOrm } from "./drivers/adapters.ts";
export type { HostClient } from "./drivers/host/host-client.ts";
export { hostDriver } from "./drivers/host/host-driver.ts";
export type { PgDriverOptions } from "./drivers/pg.ts";
export type { HostPgClient, HostPgPool, HostPgPoolClient, PgQuery, PgResult } from "./drivers/pg-connection.ts";
export type { PostgresDriverOptions } from "./drivers/postgres/driver.ts";
export type { HostPrisma } from "./drivers/prisma.ts";
export { deleteExpiredIdempotencyKeys, type OnceOptions, type OnceOutcome, runOnce } from "./idempotency.ts";
export {
  type JoinOptions,
  type JoinPgPoolOptions,
  joinDrizzle,
  joinHost,
  joinKnex,
  joinKysely,
  joinPgClient,
  joinPgPool,
  joinPostgresJs,
  joinPrisma,
  joinTypeOrm,
} from "./join.ts";
export type { MigrationOptions, MigrationReport } from "./migrations/migrate.ts";
export type { MigrationPlanText } from "./migrations/plan.ts";
export type { RuleViolation } from "./migrations/schema-check/rule-violations.ts";
export { DaoGoalService, DaoMilestoneService } from "./service/dao-goal-service.ts";
export {
  createDaoServices,
  DaoConversationService,
  DaoDemoFlagsService,
  DaoUserService,
} from "./service/dao-services.ts";
export { DaoTaskService } from "./service/dao-task-service.ts";
export { createPieceServices, type OpenResult, type PieceServices } from "./service/piece-services.ts";
export type {
  ConversationDao,
  Daos,
  DemoFlagsDao,
  EntityDao,
  GoalDao,
  IdempotencyKey,
  IdempotencyKeyDao,
  IdempotencyRecord,
  MilestoneDao,
  PageInPieces,
  TaskDao,
  UserDao,
} from "./session/daos.ts";
export type { DatabaseSession, IsolationLevel, TransactionOptions } from "./session/database-session.ts";
export type {
  SqlDriver,
  SqlExecutor,
  SqlParameter,
  SqlResult,
  SqlRow,
  SqlTransaction,
  StatementKind,
  StatementOptions,
} from "./session/driver.ts";
export type { StatementReport } from "./session/executor.ts";
export type {
  Instrumentation,
  InstrumentedCall,
  InstrumentedOperation,
  InstrumentedPool,
  InstrumentedRequest,
  OperationOutcome,
  PoolObserver,
  PoolUsage,
  StartedOperation,
  Telemetry,
  TelemetrySource,
} from "./session/instrumentation.ts";
export { longRowVersion } from "./session/long-row-version.ts";
export {
  isLongRow,
  isLongValue,
  type ListedEntity,
  type LongRow,
  type LongValue,
  type OpenGoal,
  type OpenPage,
  type PieceReads,
  type RowPieces,
  type WholeResult,
} from "./session/piece-reads.ts";
export { toDaoError } from "./session/postgres-errors.ts";
export type { Retry } from "./session/retry.ts";
export { DaoUnitOfWork, type UnitOfWorkOptions } from "./unit-of-work.ts";

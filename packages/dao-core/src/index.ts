/**
 * The data layer: services, DAOs, {@link DaoUnitOfWork}, {@link openDatabase}, DTO schemas and types, errors.
 *
 * @module @flux/dao-core
 */

export type { DatabaseAddress } from "./connection-string/database-address.ts";
export type { CallOptions, CreateOptions, StreamOptions, WriteOptions } from "./contract/call-options.ts";
export {
  type ConversationCreateDto,
  type ConversationDto,
  type ConversationListRequest,
  type ConversationService,
  type ConversationUpdateDto,
  conversationCreateDto,
  conversationDto,
  conversationListRequest,
  conversationUpdateDto,
  MAX_APPENDED_MESSAGES,
  type MessagesAppendDto,
  type MessagesAppendResult,
  messagesAppendDto,
  messagesAppendResult,
} from "./contract/conversation.ts";
export {
  type DemoFlagsDto,
  type DemoFlagsPutDto,
  type DemoFlagsService,
  demoFlagsDto,
  demoFlagsPutDto,
} from "./contract/demo-flags.ts";
export {
  ConflictError,
  DAO_ERROR_CODES,
  DaoError,
  type DaoErrorCode,
  IdempotencyKeyReusedError,
  isDaoError,
  NotFoundError,
  RelatedRowMissingError,
  RetryableError,
  SchemaVersionError,
  TransactionLostError,
  UnavailableError,
  UnitOfWorkMisuseError,
  ValidationError,
  type ValidationIssue,
  VersionMismatchError,
} from "./contract/errors.ts";
export { parseId } from "./contract/fields/id.ts";
export { parseInstant } from "./contract/fields/instant.ts";
export { type JsonArray, type JsonObject, type JsonValue, MAX_JSON_DEPTH } from "./contract/fields/json.ts";
export {
  TASK_PRIORITIES,
  TASK_STATES,
  type TaskPriority,
  type TaskState,
  TRIGGER_TYPES,
  type TriggerType,
} from "./contract/fields/task-enums.ts";
export { validate } from "./contract/fields/validation.ts";
export {
  type GoalCreateDto,
  type GoalDto,
  type GoalListRequest,
  type GoalService,
  type GoalStructureCreateDto,
  type GoalUpdateDto,
  type GoalWithRelationsDto,
  goalCreateDto,
  goalDto,
  goalListRequest,
  goalStructureCreateDto,
  goalUpdateDto,
  goalWithRelationsDto,
  MAX_STRUCTURE_MILESTONES,
  MAX_STRUCTURE_TASKS,
  type MilestoneStructureDto,
  milestoneStructureDto,
} from "./contract/goal.ts";
export {
  type MilestoneCreateDto,
  type MilestoneDto,
  type MilestoneListRequest,
  type MilestoneService,
  type MilestoneUpdateDto,
  milestoneCreateDto,
  milestoneDto,
  milestoneListRequest,
  milestoneUpdateDto,
} from "./contract/milestone.ts";
export {
  COUNT_MODES,
  type CountMode,
  MAX_PAGE_SIZE,
  type Page,
  type PageRequest,
  type PageWindow,
  pageOf,
  pageWindow,
  toPage,
} from "./contract/page.ts";
export type { DaoServices } from "./contract/services.ts";
export {
  type BulkUpdateRequest,
  type BulkUpdateResult,
  type BulkUpdateStateRequest,
  type BulkUpdateStateResult,
  bulkUpdateRequest,
  bulkUpdateResult,
  bulkUpdateStateRequest,
  bulkUpdateStateResult,
  type CalendarEventLinkDto,
  calendarEventLinkDto,
  MAX_BULK_TASKS,
  type TaskChangeDto,
  type TaskCreateDto,
  type TaskDto,
  type TaskFilter,
  type TaskImportDto,
  type TaskImportResult,
  type TaskListRequest,
  type TaskService,
  type TaskStatisticsDto,
  type TaskStatisticsRequest,
  type TaskStreamRequest,
  type TaskStructureDto,
  type TaskTimerangeRequest,
  type TaskUpdateDto,
  taskChangeDto,
  taskCreateDto,
  taskDto,
  taskFilter,
  taskImportDto,
  taskImportResult,
  taskListRequest,
  taskStatisticsDto,
  taskStatisticsRequest,
  taskStreamRequest,
  taskStructureDto,
  taskTimerangeRequest,
  taskUpdateDto,
} from "./contract/task.ts";
export {
  type UserCreateDto,
  type UserDto,
  type UserListRequest,
  type UserService,
  type UserUpdateDto,
  userCreateDto,
  userDto,
  userListRequest,
  userUpdateDto,
} from "./contract/user.ts";
export { versionOf } from "./contract/version.ts";
export type { SessionOptions, StatementReport } from "./dao/statement/session-statements.ts";
export {
  Database,
  type DatabaseOptions,
  type JoinPgPoolOptions,
  joinDrizzle,
  joinPgPool,
  openDatabase,
} from "./database.ts";
export type { Finding, FindingName } from "./diagnosis/finding.ts";
export type { HostDrizzle } from "./drivers/drizzle-connection.ts";
export type { PgDriverOptions } from "./drivers/pg.ts";
export type { HostPgClient, HostPgPool, PgAnswer, PgQuery } from "./drivers/pg-connection.ts";
export type { PostgresDriverOptions } from "./drivers/postgres/driver.ts";
export type { MigrationOptions, MigrationReport } from "./migrations/migration-report.ts";
export type { MigrationPlanText } from "./migrations/plan-migrations.ts";
export type { RuleViolation } from "./migrations/schema-check/rule-violations.ts";
export { type OnceOptions, type OnceOutcome, runOnce, sweepIdempotencyKeys } from "./run-once.ts";
export { DaoConversationService } from "./service/dao-conversation-service.ts";
export { DaoDemoFlagsService } from "./service/dao-demo-flags-service.ts";
export { DaoGoalService } from "./service/dao-goal-service.ts";
export { DaoMilestoneService } from "./service/dao-milestone-service.ts";
export { createDaoServices } from "./service/dao-services.ts";
export { DaoTaskService } from "./service/dao-task-service.ts";
export { DaoUserService } from "./service/dao-user-service.ts";
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
  StatementOptions,
} from "./session/driver.ts";
export { longRowVersion } from "./session/long-row-version.ts";
export type { ObservedPool, PoolObserver, PoolUsage } from "./session/observed-pool.ts";
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
export type { DatabaseTelemetry, ObservedDatabase, StatementAnswer, Telemetry } from "./session/telemetry.ts";
export { DaoUnitOfWork, type UnitOfWorkOptions } from "./unit-of-work.ts";

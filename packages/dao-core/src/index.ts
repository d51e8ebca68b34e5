/**
 * The data layer: services, DAOs, {@link DaoUnitOfWork}, {@link openDatabase}, DTO schemas and types, errors.
 *
 * @module @flux/dao-core
 */

export type { DatabaseAddress } from "./connection-string/database-url.ts";
export * from "./contract/index.ts";
export * from "./database.ts";
export type { Finding, FindingName } from "./diagnosis/diagnose.ts";
export type { HostClient } from "./drivers/host/host-connection.ts";
export { hostDriver } from "./drivers/host/host-driver.ts";
export type { PgDriverOptions } from "./drivers/pg.ts";
export type { HostPgClient, HostPgPool, HostPgPoolClient, PgQuery, PgResult } from "./drivers/pg-connection.ts";
export type { PostgresDriverOptions } from "./drivers/postgres/driver-options.ts";
export * from "./idempotency.ts";
export * from "./join/clients.ts";
export { type JoinOptions, type JoinPgPoolOptions, joinHost, joinPgClient, joinPgPool } from "./join/join.ts";
export type { MigrationReport } from "./migrations/migrate.ts";
export type { SchemaMigrated, SchemasMigrationOptions, SchemasMigrationReport } from "./migrations/migrate-schemas.ts";
export type { MigrationOptions, PlanOptions } from "./migrations/migration-set.ts";
export type { MigrationPlanText } from "./migrations/plan.ts";
export type { RuleViolation } from "./migrations/schema-check/rule-violations.ts";
export { type CallOperation, runBatch } from "./service/batch.ts";
export * from "./service/dao-services.ts";
export { createPieceServices, type PieceServices } from "./service/piece-services.ts";
export type * from "./session/database-session.ts";
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
export type { Retry, StatementReport } from "./session/executor.ts";
export type * from "./session/instrumentation.ts";
export * from "./session/piece-reads.ts";
export { toDaoError } from "./session/postgres-errors.ts";
export { DaoUnitOfWork, type UnitOfWorkOptions } from "./unit-of-work.ts";

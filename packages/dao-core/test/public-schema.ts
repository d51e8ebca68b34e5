import type { CallOptions } from "../src/contract/call-options.ts";
import { diagnose as diagnoseSchema } from "../src/diagnosis/diagnose.ts";
import { migrate as migrateSchema } from "../src/migrations/migrate.ts";
import type { MigrationOptions, MigrationSet } from "../src/migrations/migration-set.ts";
import { planMigrations as planSchema } from "../src/migrations/plan.ts";
import { SchemaName } from "../src/schema/schema-name.ts";
import type { SqlDriver } from "../src/session/driver.ts";
import { replicationOf } from "../src/session/replication.ts";

/** The default schema. */
export const PUBLIC = new SchemaName();

export const migrate = (driver: SqlDriver, options?: MigrationOptions, set?: MigrationSet) =>
  migrateSchema(driver, PUBLIC, options, set);

export const planMigrations = (driver: SqlDriver, options?: CallOptions) => planSchema(driver, PUBLIC, options);

export const diagnose = (driver: SqlDriver) =>
  diagnoseSchema({ driver, schema: PUBLIC, readOnly: false, replication: replicationOf(driver) });

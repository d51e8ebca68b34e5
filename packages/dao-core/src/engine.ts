/** For those who put an ORM of their own behind the port: docs/how-to/another-orm.md. */
export { type ColumnValues, EntityRows, entityRows, type ListPlan } from "./dao/entity-rows.ts";
export type { ListPosition } from "./dao/list-cursor.ts";
export { toTaskStatistics } from "./dao/task-statistics.ts";
export type { Daos } from "./session/daos.ts";
export type { Engine, RunCall } from "./session/engine.ts";
export { type EngineSessionOptions, engineSession } from "./session/engine-session.ts";

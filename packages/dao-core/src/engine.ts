/**
 * For those who put an ORM of their own behind the port: {@link engineSession}, and the rules that its DAOs share with ours.
 *
 * @module @flux/dao-core/engine
 */
export { type ColumnValues, EntityRows, entityRows, type ListPlan } from "./dao/entity-rows.ts";
export type { ListPosition } from "./dao/list/list-cursor.ts";
export { toTaskStatistics } from "./dao/task-statistics.ts";
export type { Daos } from "./session/daos.ts";
export type { Engine, RunCall } from "./session/engine.ts";
export { type EngineSessionOptions, engineSession } from "./session/engine-session.ts";

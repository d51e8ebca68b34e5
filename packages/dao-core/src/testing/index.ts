/**
 * For your tests: a database per test, input for the services, and the suite that every implementation must pass.
 *
 * @module @flux/dao-core/testing
 */
export { type ContractCase, changeCases, contractSuite, idempotencyCases, type SessionCase } from "./contract-suite.ts";
export { type DemoDataOptions, type DemoDataSize, demoDataSize, makeDemoData } from "./demo-data/demo-data.ts";
export type { DemoGoal, DemoRow } from "./demo-data/demo-goal.ts";
export type { DemoUser } from "./demo-data/demo-user.ts";
export {
  type DemoDataCounts,
  type DemoDataProgress,
  type WriteDemoDataOptions,
  writeDemoData,
} from "./demo-data/write-demo-data.ts";
export {
  type GoalStructureData,
  type GoalStructureShape,
  makeConversationData,
  makeDemoFlagsData,
  makeGoalData,
  makeGoalStructureData,
  makeMilestoneData,
  makeTaskData,
  makeUserData,
} from "./factories.ts";
export { createTestDatabase, type TestDatabase, type TestDatabaseOptions } from "./test-database.ts";

export { type ContractCase, contractSuite } from "./contract-suite.ts";
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

import { createDaoServices, Database } from "@flux/dao-core";
import { newStructure, toStructureDto } from "./data/structure.ts";
import { RecordingDriver } from "./recording-driver.ts";

/** The number of statements that create a goal with its milestones and tasks. */
export async function countStructureStatements(milestones: number, tasksEach: number): Promise<number> {
  const driver = new RecordingDriver();
  const { goals } = createDaoServices(new Database(driver));
  const structure = toStructureDto(newStructure(crypto.randomUUID(), milestones, tasksEach, new Date()));
  return (await driver.recordAll(() => goals.createGoalWithStructure(structure))).length;
}

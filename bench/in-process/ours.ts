import { createDaoServices, type Database, type TaskState } from "@flux/dao-core";
import type { Inputs } from "../data/inputs.ts";
import { newStructure, toStructureDto } from "../data/structure.ts";
import { nth, type Operations } from "../operations.ts";

/** The operations by the services, as a program that imports the library calls them. */
export function ourOperations(database: Database, inputs: Inputs): Operations {
  const { tasks, goals } = createDaoServices(database);
  const { scratch } = inputs;
  const begin = new Date(inputs.begin);
  const small = toStructureDto(newStructure(scratch.userId, 8, 5, begin));
  const large = toStructureDto(newStructure(scratch.userId, 20, 50, begin));
  const weeks = inputs.weeks.map(({ userId, start, end }) => ({
    userId,
    startTime: new Date(start),
    endTime: new Date(end),
  }));
  const months = inputs.months.map(({ userId, start, end }) => ({
    userId,
    startDate: new Date(start),
    endDate: new Date(end),
  }));
  const bulks = inputs.bulks.map((ids) => [...ids]);
  const states: readonly TaskState[] = ["drifted", "completed"];
  return {
    find: (call) => tasks.getTask(nth(inputs.taskIds, call)),
    timerange: (call) => tasks.getTasksByTimerange(nth(weeks, call)),
    statistics: (call) => tasks.getTaskStatistics(nth(months, call)),
    page: () => tasks.listTasks({ page: 1, pageSize: 100 }),
    full: (call) => goals.getGoalFull(nth(inputs.goalIds, call)),
    create: () =>
      tasks.createTask({
        ...scratch,
        title: "Run 5 km at an easy pace",
        startTime: begin,
        endTime: begin,
        state: "scheduled",
        priority: "standard",
        triggerType: "time",
        isRecurring: false,
        calendarEventId: null,
      }),
    update: (call) => tasks.updateTask(nth(inputs.taskIds, call), { title: "Run 6 km", state: nth(states, call) }),
    bulk: (call) => tasks.bulkUpdateState({ taskIds: nth(bulks, call), newState: nth(states, call) }),
    structure8x5: () => goals.createGoalWithStructure(small),
    structure20x50: () => goals.createGoalWithStructure(large),
  };
}

import type postgres from "postgres";
import type { Inputs } from "../data/inputs.ts";
import { newStructure } from "../data/structure.ts";
import { toPage, toStatistics } from "../handwritten/answers.ts";
import { GoalQueries } from "../handwritten/goal-queries.ts";
import { TaskQueries } from "../handwritten/task-queries.ts";
import { nth, type Operations } from "../operations.ts";

/** The same operations by hand-written SQL. */
export function handwrittenOperations(sql: postgres.Sql, inputs: Inputs): Operations {
  const tasks = new TaskQueries(sql);
  const goals = new GoalQueries(sql);
  const { scratch } = inputs;
  const begin = new Date(inputs.begin);
  const small = newStructure(scratch.userId, 8, 5, begin);
  const large = newStructure(scratch.userId, 20, 50, begin);
  const toDates = ({ userId, start, end }: Inputs["weeks"][number]) => ({
    userId,
    start: new Date(start),
    end: new Date(end),
  });
  const weeks = inputs.weeks.map(toDates);
  const months = inputs.months.map(toDates);
  const bulks = inputs.bulks.map((ids) => [...ids]);
  const states = ["drifted", "completed"];
  return {
    find: (call) => tasks.find(nth(inputs.taskIds, call)),
    timerange: (call) => {
      const { userId, start, end } = nth(weeks, call);
      return tasks.byTimerange(userId, start, end);
    },
    statistics: async (call) => {
      const { userId, start, end } = nth(months, call);
      return toStatistics(userId, await tasks.statistics(userId, start, end));
    },
    page: async () => {
      const { items, total } = await tasks.page(100, 0);
      return toPage(items, total, 1, 100);
    },
    full: (call) => goals.full(nth(inputs.goalIds, call)),
    create: () =>
      tasks.create(scratch.userId, scratch.goalId, scratch.milestoneId, {
        title: "Run 5 km at an easy pace",
        start_time: begin,
        end_time: begin,
        state: "scheduled",
        priority: "standard",
        trigger_type: "time",
        is_recurring: false,
        calendar_event_id: null,
      }),
    update: (call) => tasks.update(nth(inputs.taskIds, call), "Run 6 km", nth(states, call)),
    bulk: async (call) => ({ updated_count: await tasks.bulkUpdateState(nth(bulks, call), nth(states, call)) }),
    structure8x5: () => goals.createStructure(small),
    structure20x50: () => goals.createStructure(large),
  };
}

import { createDaoServices, TASK_STATES, type TaskState } from "@flux/dao-core";
import { makeGoalStructureData, makeUserData } from "@flux/dao-core/testing";
import { LastWrites } from "../last-writes.ts";
import { CALL_DEADLINE } from "../limits.ts";
import type { Workload } from "../workload.ts";

const TASKS = 60;

/** Each worker sets the state of all its tasks at once. */
export const bulkUpdate: Workload = {
  name: "bulk update",
  database: "migrated",
  deadline: CALL_DEADLINE,
  busyFor: 50,
  async begin({ database, workers }) {
    const { users, goals, tasks } = createDaoServices(database);
    const user = await users.createUser(makeUserData());
    const shape = { milestones: 1, tasksPerMilestone: TASKS };
    const own = await Promise.all(
      Array.from({ length: workers }, () => goals.createGoalWithStructure(makeGoalStructureData(user.id, shape))),
    );
    const states = new LastWrites(own.map((goal) => [goal.id, "scheduled"]));
    let updates = 0;
    return {
      next(worker) {
        const goal = own[worker];
        if (goal === undefined) throw new RangeError(`there is no worker ${worker}`);
        const newState: TaskState = TASK_STATES[++updates % TASK_STATES.length] ?? "scheduled";
        return {
          unit: "statement",
          run: () => tasks.bulkUpdateState({ taskIds: goal.tasks.map((task) => task.id), newState }),
          settled: (outcome) => states.settled(goal.id, newState, outcome),
        };
      },
      async audit(sql, tally) {
        const rows = await sql<{ goal: string; states: TaskState[] }[]>`
          select goal_id as goal, array_agg(distinct state::text) as states from tasks where user_id = ${user.id} group by 1`;
        for (const row of rows.filter(({ states }) => states.length > 1)) {
          tally.violate("partial commit", `tasks of ${row.goal} are ${row.states.join(" and ")}`);
        }
        states.compare(new Map(rows.map((row) => [row.goal, row.states[0] ?? ""])), tally);
      },
    };
  },
};

import { createDaoServices } from "@flux/dao-core";
import { makeGoalStructureData, makeUserData } from "@flux/dao-core/testing";
import { CALL_DEADLINE } from "../limits.ts";
import { MarkedWrites } from "../marked-writes.ts";
import type { Workload } from "../workload.ts";

const MILESTONES = 5;
const TASKS_PER_MILESTONE = 8;

/** Creates goals with their milestones and tasks. */
export const structureCreation: Workload = {
  name: "structure creation",
  database: "migrated",
  deadline: CALL_DEADLINE,
  busyFor: 60,
  async begin({ database }) {
    const { users, goals } = createDaoServices(database);
    const user = await users.createUser(makeUserData());
    const created = new MarkedWrites();
    return {
      next() {
        const title = created.newMark();
        const shape = { milestones: MILESTONES, tasksPerMilestone: TASKS_PER_MILESTONE, goal: { title } };
        return {
          unit: "statement",
          run: () => goals.createGoalWithStructure(makeGoalStructureData(user.id, shape)),
          settled: (outcome) => created.settled(title, outcome),
        };
      },
      async audit(sql, tally) {
        const rows = await sql<{ mark: string; times: number; isWhole: boolean }[]>`
          select title as mark, count(*)::int as times, bool_and(
            (select count(*) from milestones m where m.goal_id = g.id) = ${MILESTONES}
            and (select count(*) from tasks t where t.goal_id = g.id) = ${MILESTONES * TASKS_PER_MILESTONE}) as "isWhole"
          from goals g where g.user_id = ${user.id} group by title`;
        created.compare(rows, tally);
      },
    };
  },
};

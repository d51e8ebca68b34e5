import { DaoUnitOfWork } from "@flux/dao-core";
import { makeGoalData, makeMilestoneData, makeTaskData, makeUserData } from "@flux/dao-core/testing";
import { CALL_DEADLINE } from "../limits.ts";
import { MarkedWrites } from "../marked-writes.ts";
import type { Workload } from "../workload.ts";

/** A transaction that creates a user with a goal, a milestone and a task. */
export const unitOfWork: Workload = workload("unit of work", async (uow, name) => {
  const user = await uow.users.create(makeUserData({ name }));
  const goal = await uow.goals.create(makeGoalData(user.id));
  await uow.milestones.create(makeMilestoneData(goal.id));
  await uow.tasks.create(makeTaskData(user.id, goal.id, { title: KEPT }));
});

/** The same with savepoints: one that is released, one that is rolled back on purpose, and a nested one that is released. */
export const nestedUnitOfWork: Workload = workload("nested unit of work", async (uow, name) => {
  const user = await uow.users.create(makeUserData({ name }));
  const goal = await DaoUnitOfWork.run(uow, (nested) => nested.goals.create(makeGoalData(user.id)));
  try {
    await DaoUnitOfWork.run(uow, async (nested) => {
      await nested.tasks.create(makeTaskData(user.id, goal.id, { title: UNDONE }));
      throw new UndoneOnPurpose();
    });
  } catch (error) {
    if (!(error instanceof UndoneOnPurpose)) throw error;
  }
  await DaoUnitOfWork.run(uow, async (nested) => {
    await nested.milestones.create(makeMilestoneData(goal.id));
    await DaoUnitOfWork.run(nested, (deeper) => deeper.tasks.create(makeTaskData(user.id, goal.id, { title: KEPT })));
  });
});

const KEPT = "kept";
const UNDONE = "undone";

class UndoneOnPurpose extends Error {}

function workload(name: string, work: (uow: DaoUnitOfWork, mark: string) => Promise<void>): Workload {
  return {
    name,
    database: "migrated",
    deadline: CALL_DEADLINE,
    busyFor: 60,
    async begin({ database }) {
      const users = new MarkedWrites();
      return {
        next() {
          const mark = users.newMark();
          return {
            unit: "transaction",
            run: () => DaoUnitOfWork.run(database, (uow) => work(uow, mark)),
            settled: (outcome) => users.settled(mark, outcome),
          };
        },
        async audit(sql, tally) {
          const rows = await sql<{ mark: string; times: number; isWhole: boolean }[]>`
            select u.name as mark, count(*)::int as times, bool_and(
              (select count(*) from goals g where g.user_id = u.id) = 1
              and (select count(*) from goals g join milestones m on m.goal_id = g.id where g.user_id = u.id) = 1
              and (select array_agg(t.title) from tasks t where t.user_id = u.id) = array[${KEPT}]) as "isWhole"
            from users u where starts_with(u.name, ${users.prefix}) group by u.name`;
          users.compare(
            rows.map(({ mark, times, isWhole }) => ({ mark, times, isWhole: isWhole === true })),
            tally,
          );
        },
      };
    },
  };
}

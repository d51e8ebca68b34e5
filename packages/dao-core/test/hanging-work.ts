import {
  createDaoServices,
  DaoUnitOfWork,
  type DatabaseSession,
  runOnce,
  type UnitOfWorkOptions,
} from "@flux/dao-core";
import { makeGoalData, makeTaskData, makeUserData } from "@flux/dao-core/testing";
import { expect } from "vitest";

export const hang = () => new Promise<never>(() => undefined);

/** A user that must not exist in the end. */
const HANGING = "hanging";
export const add = (uow: DaoUnitOfWork) => uow.users.create(makeUserData({ name: HANGING }));

/** Work that never settles, and the errors that it receives when it should end. */
type Hanging = (
  database: DatabaseSession,
  options: Pick<UnitOfWorkOptions, "signal" | "timeout">,
  onHanging: () => void,
) => Promise<unknown>;

export const hangings: readonly { what: string; work: Hanging }[] = [
  {
    what: "a callback",
    work: (database, options, onHanging) =>
      DaoUnitOfWork.run(
        database,
        async (uow) => {
          await add(uow);
          onHanging();
          await hang();
        },
        options,
      ),
  },
  {
    what: "a callback that has started nothing",
    work: (database, options, onHanging) =>
      DaoUnitOfWork.run(
        database,
        () => {
          onHanging();
          return hang();
        },
        options,
      ),
  },
  {
    what: "a nested callback",
    work: (database, options, onHanging) =>
      DaoUnitOfWork.run(
        database,
        (uow) =>
          DaoUnitOfWork.run(uow, (inner) =>
            DaoUnitOfWork.run(inner, async (innermost) => {
              await add(innermost);
              onHanging();
              await hang();
            }),
          ),
        options,
      ),
  },
  {
    what: "a callback whose concurrent nested one fails",
    work: (database, options, onHanging) =>
      DaoUnitOfWork.run(
        database,
        async (uow) => {
          await Promise.allSettled([
            DaoUnitOfWork.run(uow, async (inner) => {
              await add(inner);
              throw new Error("fails");
            }).finally(onHanging),
            hang(),
          ]);
        },
        options,
      ),
  },
  {
    what: "a runOnce",
    work: (database, options, onHanging) =>
      runOnce(database, { key: crypto.randomUUID(), ...options }, async (uow) => {
        await add(uow);
        onHanging();
        return hang();
      }),
  },
  {
    what: "an import whose source hangs",
    work: async (database, options, onHanging) => {
      const user = await database.users.create(makeUserData());
      const goal = await database.goals.create(makeGoalData(user.id));
      async function* source() {
        for (let index = 0; index < 2_500; index++) yield makeTaskData(user.id, goal.id);
        onHanging();
        await hang();
      }
      await createDaoServices(database).tasks.createTasks(source(), options);
    },
  },
];

/** Nothing of it remains, and the only connection is usable. */
export async function expectNothing(database: DatabaseSession): Promise<void> {
  const [users, tasks] = await DaoUnitOfWork.run(database, async (uow) => [
    await uow.users.list(),
    await uow.tasks.list(),
  ]);
  expect(users?.items.filter(({ name }) => name === HANGING)).toEqual([]);
  expect(tasks?.total).toBe(0);
}

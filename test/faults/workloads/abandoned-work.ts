import { setTimeout as delay } from "node:timers/promises";
import { DaoUnitOfWork, type Database, UnavailableError, UnitOfWorkMisuseError } from "@flux/dao-core";
import { makeGoalData, makeUserData } from "@flux/dao-core/testing";
import type { Random } from "../../../packages/dao-core/src/testing/demo-data/random.ts";
import { CALL_DEADLINE } from "../limits.ts";
import { MarkedWrites } from "../marked-writes.ts";
import type { Operation, Workload } from "../workload.ts";

/** How a unit of work ends while nested ones are running. */
const ENDINGS = ["fails beside them", "forgets them", "exceeds its deadline"] as const;
type Ending = (typeof ENDINGS)[number];

/** Milliseconds: the deadline of units that hang, and the longest pause of nested ones that continue. */
const DEADLINE = 200;
const LONGEST_PAUSE = 30;

class FailedOnPurpose extends Error {}

/**
 * Units of work that end before the nested ones they started: nothing of them may be committed, and nothing of them may get
 * into the complete ones that run between them on the same connections.
 */
export const abandonedWork: Workload = {
  name: "abandoned work",
  database: "migrated",
  deadline: CALL_DEADLINE,
  busyFor: 60,
  async begin({ database, random }) {
    const users = new MarkedWrites();
    const left = new Set<Promise<unknown>>();

    const whole = (mark: string): Operation => ({
      unit: "transaction",
      run: () => DaoUnitOfWork.run(database, (uow) => writeNested(uow, mark)),
      settled: (outcome) => users.settled(mark, outcome),
    });
    const abandoned = (mark: string, ending: Ending): Operation => ({
      unit: "transaction",
      provesService: false,
      run: () => abandon(database, mark, ending, random, left),
      // However the call ended: it must never be committed.
      settled: () => users.settled(mark, "refused"),
    });

    return {
      next() {
        const ending = ENDINGS[random.below(2 * ENDINGS.length)];
        const mark = users.newMark();
        return ending === undefined ? whole(mark) : abandoned(mark, ending);
      },
      async audit(sql, tally) {
        await Promise.all(left);
        const rows = await sql<{ mark: string; times: number; isWhole: boolean }[]>`
          select u.name as mark, count(*)::int as times,
            bool_and((select count(*) from goals g where g.user_id = u.id) = 1) as "isWhole"
          from users u where starts_with(u.name, ${users.prefix}) group by u.name`;
        users.compare(rows, tally);
      },
    };
  },
};

/** Creates a user, and its goal one level deeper. */
async function writeNested(uow: DaoUnitOfWork, mark: string): Promise<void> {
  const user = await uow.users.create(makeUserData({ name: mark }));
  await DaoUnitOfWork.run(uow, (nested) => nested.goals.create(makeGoalData(user.id)));
}

/** @param left collects what is still running when the unit of work has ended */
async function abandon(
  database: Database,
  mark: string,
  ending: Ending,
  random: Random,
  left: Set<Promise<unknown>>,
): Promise<void> {
  const pause = () => delay(random.below(LONGEST_PAUSE));
  let isOver = false;
  /** Writes until the unit of work has ended, and once more after that, ignoring every error. */
  const goOn = async (uow: DaoUnitOfWork, nested: DaoUnitOfWork) => {
    for (let isLast = false; !isLast; ) {
      isLast = isOver;
      await writeNested(nested, mark).catch(() => writeNested(uow, mark).catch(() => undefined));
      await pause();
    }
  };
  const run = DaoUnitOfWork.run(
    database,
    async (uow) => {
      await uow.users.create(makeUserData({ name: mark }));
      for (const within of [goOn, (_: DaoUnitOfWork, nested: DaoUnitOfWork) => writeNested(nested, mark)]) {
        left.add(DaoUnitOfWork.run(uow, (nested) => within(uow, nested)).catch(() => undefined));
      }
      if (ending === "exceeds its deadline") await new Promise(() => undefined);
      await pause();
      if (ending === "fails beside them") throw new FailedOnPurpose();
    },
    ending === "exceeds its deadline" ? { timeout: DEADLINE } : {},
  );
  const error = await run.then(
    () => new Error("An abandoned unit of work was committed."),
    (reason: unknown) => reason,
  );
  isOver = true;
  const isMeant = error instanceof FailedOnPurpose || error instanceof UnitOfWorkMisuseError;
  if (!isMeant && !(ending === "exceeds its deadline" && error instanceof UnavailableError)) throw error;
}

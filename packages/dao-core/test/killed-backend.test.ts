import { createDaoServices, DaoUnitOfWork, isDaoError, TransactionLostError } from "@flux/dao-core";
import { createTestDatabase, makeUserData, type TestDatabase } from "@flux/dao-core/testing";
import postgres from "postgres";
import { afterAll, beforeAll, expect, inject, test, vi } from "vitest";

const TRANSACTIONS = 400;
/** Fewer would prove little; how long that takes is the machine's affair. */
const KILLS = 10;
const WORKERS = 8;

let testDatabase: TestDatabase;
let killer: postgres.Sql;
const uncaught: unknown[] = [];
const catchUncaught = (error: unknown) => uncaught.push(error);

beforeAll(async () => {
  testDatabase = await createTestDatabase({ serverUrl: inject("adminUrl"), poolSize: 4, applicationName: "victim" });
  killer = postgres(testDatabase.url, { max: 1, onnotice: () => undefined });
  process.on("uncaughtException", catchUncaught);
  process.on("unhandledRejection", catchUncaught);
});

afterAll(async () => {
  process.off("uncaughtException", catchUncaught);
  process.off("unhandledRejection", catchUncaught);
  await killer.end();
  await testDatabase.drop();
});

/** Terminates a connection of the pool that is inside a transaction, or any if none is. */
async function killOne(): Promise<number> {
  const killed = await killer`
    select pg_terminate_backend(pid) from pg_stat_activity
    where application_name = 'victim' and datname = current_database()
    order by xact_start nulls last, random() limit 1`;
  return killed.length;
}

// https://github.com/porsager/postgres/issues/1186, 1204, 1208, 1216
test("backends killed repeatedly inside transactions: each is complete or absent, and no error is uncaught", async () => {
  const { database } = testDatabase;
  const outcomes = new Map<string, "committed" | "rolled back" | "unknown">();
  let begun = 0;
  let kills = 0;
  let failed = 0;

  async function worker(): Promise<void> {
    while (begun < TRANSACTIONS || kills < KILLS || failed === 0) {
      begun++;
      const data = makeUserData();
      try {
        await DaoUnitOfWork.run(database, async (uow) => {
          const user = await uow.users.create(data);
          const goal = await uow.goals.create({ userId: user.id, title: "Survive" });
          await uow.milestones.create({ goalId: goal.id, weekNumber: 1, title: "One week" });
          await uow.tasks.create({ userId: user.id, goalId: goal.id, title: "Breathe" });
        });
        outcomes.set(data.email, "committed");
      } catch (error) {
        expect(isDaoError(error), String(error)).toBe(true);
        failed++;
        const isUnknown = error instanceof TransactionLostError && error.outcome === "unknown";
        outcomes.set(data.email, isUnknown ? "unknown" : "rolled back");
      }
    }
  }

  let isWorking = true;
  const killing = (async () => {
    while (isWorking) {
      kills += await killOne();
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  })();
  await Promise.all(Array.from({ length: WORKERS }, worker));
  isWorking = false;
  await killing;

  const rows = await killer<{ email: string; goals: number; milestones: number; tasks: number }[]>`
    select email, count(distinct g.id)::int as goals, count(distinct m.id)::int as milestones,
      count(distinct t.id)::int as tasks
    from users u left join goals g on g.user_id = u.id left join milestones m on m.goal_id = g.id
      left join tasks t on t.goal_id = g.id
    group by email`;
  const found = new Map(rows.map((row) => [row.email, row]));
  expect(rows.filter((row) => row.goals !== 1 || row.milestones !== 1 || row.tasks !== 1)).toEqual([]);
  for (const [email, outcome] of outcomes) {
    if (outcome === "committed") expect(found.has(email), `${email} was acknowledged`).toBe(true);
    if (outcome === "rolled back") expect(found.has(email), `${email} was refused`).toBe(false);
  }
  expect(uncaught).toEqual([]);
});

test("after the kills the pool works, and leaves no backend idle in a transaction", async () => {
  const { users } = createDaoServices(testDatabase.database);
  // The last kill may reach its connection only now.
  await vi.waitFor(() => users.createUser(makeUserData()));
  const idle = await killer`
    select pid from pg_stat_activity where application_name = 'victim' and state like 'idle in transaction%'`;
  expect(idle).toHaveLength(0);
});

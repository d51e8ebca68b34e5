/**
 * `pnpm bench:standby`: reads a second from a primary alone, and from a primary and a hot standby together. The server processes that
 * answer queries are held to a quarter of a core for each server, so that they are the bottleneck also where two cores
 * run everything. It shows that reads are divided, and what waiting for a known position costs; not what a server can do.
 */
import { createDaoServices, type DaoServices, openDatabase } from "@flux/dao-core";
import { makeTaskData, makeUserData } from "@flux/dao-core/testing";
import { startReplicatedPostgres } from "../../scripts/postgres/replicated-postgres.ts";
import { CpuQuota, whyNoQuota } from "../cluster/cpu-quota.ts";
import { median } from "../median.ts";

/** Of a core, for each server. */
const SHARE = 0.25;
const ROUNDS = 7;
const SLICE_MS = 1_500;
const CALLERS = 32;
const TASKS = 1_000;

type Read = (services: DaoServices, call: number) => Promise<unknown>;

/** Reads a second by all callers together, dealt out to the sources in turn. */
async function measure(sources: readonly DaoServices[], read: Read): Promise<number> {
  const begun = performance.now();
  let count = 0;
  await Promise.all(
    Array.from({ length: CALLERS }, async (_, caller) => {
      const source = sources[caller % sources.length];
      while (source !== undefined && performance.now() - begun < SLICE_MS) {
        await read(source, count++);
      }
    }),
  );
  return (count / (performance.now() - begun)) * 1_000;
}

const reason = whyNoQuota();
if (reason !== undefined) throw new Error(`The servers cannot be held to a share of a core: ${reason}.`);
const pair = await startReplicatedPostgres();
// Processes that a server starts from here on, which are those of connections, are in its group.
const quotas = [pair.primary, pair.standby].map(({ pid }) => new CpuQuota(pid, SHARE));
try {
  await using database = await openDatabase(pair.primary.url);
  await using replica = await openDatabase(pair.standby.url, { readOnly: true });
  await database.migrate();
  const [primary, standby] = [createDaoServices(database), createDaoServices(replica)];
  const user = await primary.users.createUser(makeUserData());
  const goal = await primary.goals.createGoal({ userId: user.id, title: "t" });
  await primary.tasks.createTasks(Array.from({ length: TASKS }, () => makeTaskData(user.id, goal.id)));
  const ids: string[] = [];
  for await (const { id } of primary.tasks.streamTasks()) ids.push(id);
  const readAfter = await database.position();
  await replica.waitForPosition(readAfter);

  const reads: Readonly<Record<string, Read>> = {
    "find by id": ({ tasks }, call) => tasks.getTask(ids[call % TASKS] ?? "", { readAfter }),
    "page of 100": ({ tasks }) => tasks.listTasks({ limit: 100, count: "none" }, { readAfter }),
  };
  for (const [name, read] of Object.entries(reads)) {
    for (const sources of [[primary], [primary, standby]]) await measure(sources, read);
    const rounds = [];
    for (let round = 0; round < ROUNDS; round++) {
      rounds.push({ one: await measure([primary], read), two: await measure([primary, standby], read) });
    }
    const [one, two] = [median(rounds.map((each) => each.one)), median(rounds.map((each) => each.two))];
    const ratio = median(rounds.map((each) => each.two / each.one));
    console.log(
      `${name}: ${one.toFixed(0)} reads a second from one server, ${two.toFixed(0)} from two: ${ratio.toFixed(2)} times`,
    );
  }
} finally {
  await pair[Symbol.asyncDispose]();
  for (const quota of quotas) await quota[Symbol.asyncDispose]();
}

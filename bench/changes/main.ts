/**
 * `pnpm bench:changes`: what the change feed costs writers, as ratios of the throughput with it to that without it, and how long a page
 * without changes takes. It exits with 1 if a bar is missed, by writers whose changes nobody reads; with a follower the reading costs too,
 * on the same cores.
 * - `--short`: rough, in a few seconds
 */
import { parseArgs } from "node:util";
import { createDaoServices } from "@flux/dao-core";
import { createTestDatabase, makeGoalData, makeTaskData, makeUserData } from "@flux/dao-core/testing";
import { startTestServer } from "../../scripts/postgres/test-server.ts";
import { median } from "../median.ts";

const { values: flags } = parseArgs({ options: { short: { type: "boolean", default: false } } });
const ROUNDS = flags.short ? 3 : 15;
const SLICE_MS = flags.short ? 200 : 1_000;
const CALLERS = 16;
const BATCH = 1_000;
const POLLS = 1_000;

/** Rows a second by so many callers. */
async function throughput(work: () => Promise<unknown>, rows: number, callers: number): Promise<number> {
  const begun = performance.now();
  let count = 0;
  const call = async () => {
    for (; performance.now() - begun < SLICE_MS; count += rows) await work();
  };
  await Promise.all(Array.from({ length: callers }, call));
  return (count / (performance.now() - begun)) * 1_000;
}

async function openContender(serverUrl: string, options: { readonly changes?: boolean; readonly follows?: boolean }) {
  const made = await createTestDatabase({ serverUrl, changes: options.changes });
  const services = createDaoServices(made.database);
  const { id: userId } = await services.users.createUser(makeUserData());
  const { id: goalId } = await services.goals.createGoal(makeGoalData(userId));
  const tasks = Array.from({ length: BATCH }, () => makeTaskData(userId, goalId));
  const leave = new AbortController();
  const follow = async () => {
    for await (const _ of services.changes.followChanges({ cursor: "now" }, { signal: leave.signal }));
  };
  const following = options.follows === true ? follow().catch(() => undefined) : undefined;
  return {
    services,
    create: () => services.tasks.createTask(makeTaskData(userId, goalId)),
    createMany: () => services.tasks.createTasks(tasks),
    async drop() {
      leave.abort();
      await following;
      await made.drop();
    },
  };
}

type Opened = Awaited<ReturnType<typeof openContender>>;

const server = await startTestServer();
try {
  const off = await openContender(server.url, {});
  const on = await openContender(server.url, { changes: true });
  const followed = await openContender(server.url, { changes: true, follows: true });
  const contenders = [off, on, followed];
  const missed: string[] = [];

  const measures = [
    ["single creates", 0.7, (own: Opened) => throughput(own.create, 1, CALLERS)],
    ["batches of 1,000", 0.8, (own: Opened) => throughput(own.createMany, BATCH, 1)],
  ] as const;
  for (const [name, bar, measure] of measures) {
    for (const each of contenders) await measure(each);
    const ratios = { on: [] as number[], followed: [] as number[] };
    for (let round = 0; round < ROUNDS; round++) {
      // In turn from either end, so that drift does not count.
      const order = round % 2 === 0 ? contenders : contenders.toReversed();
      const found = new Map<Opened, number>();
      for (const each of order) found.set(each, await measure(each));
      const base = found.get(off) ?? Number.NaN;
      ratios.on.push((found.get(on) ?? Number.NaN) / base);
      ratios.followed.push((found.get(followed) ?? Number.NaN) / base);
    }
    const ratio = median(ratios.on);
    console.log(
      `${name}: ${ratio.toFixed(2)} (at least ${bar.toFixed(2)}); with a follower ${median(ratios.followed).toFixed(2)}`,
    );
    if (!(ratio >= bar)) missed.push(name);
  }

  let { nextCursor: cursor } = await on.services.changes.listChanges({ cursor: "now" });
  const polls: number[] = [];
  for (let poll = 0; poll < POLLS; poll++) {
    const begun = performance.now();
    const page = await on.services.changes.listChanges({ cursor });
    polls.push(performance.now() - begun);
    if (page.items.length > 0) throw new Error("There were changes.");
    cursor = page.nextCursor;
  }
  const milliseconds = median(polls);
  console.log(`an empty page: ${milliseconds.toFixed(2)} ms (at most 1)`);
  if (!(milliseconds <= 1)) missed.push("an empty page");
  for (const each of contenders) await each.drop();
  if (missed.length > 0) {
    console.error(`Missed: ${missed.join(", ")}`);
    process.exitCode = 1;
  }
} finally {
  await server.stop();
}

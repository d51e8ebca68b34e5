import postgres from "postgres";
import type { Random } from "../../packages/dao-core/src/testing/demo-data/random.ts";
import type { Moment } from "./killed-server.ts";
import { ServerProcess, type ServerProgram } from "./server-process.ts";
import { Tally } from "./tally.ts";

/** Clients with a request in flight when the server is killed. */
const CLIENTS = 4;
const MILESTONES = 3;

/** Maximum attempts for a request. */
const MAX_ATTEMPTS = 20;

/** A goal that must exist exactly once. */
interface Wish {
  readonly key: string;
  readonly title: string;
  readonly kind: "alone" | "with structure" | "in a batch";
  /** Of the goal and its parts in a batch. */
  readonly ids: readonly string[];
}

interface Reply {
  readonly status: number;
  readonly isReplay: boolean;
  readonly id: string;
}

/** Where the kills happen. */
export interface Scene {
  readonly program: ServerProgram;
  readonly databaseUrl: string;
}

/**
 * Kills the server once for each of `moments`, with {@link CLIENTS} requests in flight, which the clients then retry
 * with the same keys on the next server; counts the outcomes.
 */
export async function killAtEach(moments: readonly Moment[], random: Random, scene: Scene): Promise<Tally> {
  const tally = new Tally();
  const sql = postgres(scene.databaseUrl, { max: 1 });
  const start = () => ServerProcess.start(scene.program, scene.databaseUrl);
  const servers: Promise<ServerProcess>[] = [start()];
  try {
    const [user] =
      await sql`insert into users (name, email) values ('Ada', ${`${crypto.randomUUID()}@x`}) returning id`;
    const userId = String(user?.["id"]);
    for (const [round, moment] of moments.entries()) {
      const server = await servers[round];
      if (server === undefined) throw new Error("Each round has a server.");
      const next = start();
      servers.push(next);
      const wishes = Array.from({ length: CLIENTS }, (_, client) => wish(random, `round ${round}, client ${client}`));
      await server.order({ moment, transaction: 1 + random.below(CLIENTS) });
      const first = await Promise.all(wishes.map((wanted) => send(server.url, userId, wanted)));
      // If all got a response, for example since the service rejected some, the chosen transaction never ran.
      const exit = first.includes(undefined) ? await server.exited : "nothing to kill";
      if (exit !== "SIGKILL") tally.violation(`round ${round}: the server ended with ${exit}`);
      const last = await Promise.all(
        wishes.map(async (wanted, index) => first[index] ?? retry((await next).url, userId, wanted)),
      );
      tally.count(moment, first, last);
      for (const [index, wanted] of wishes.entries()) await check(sql, wanted, last[index], tally);
    }
    await checkAll(sql, moments.length * CLIENTS, tally);
  } finally {
    await Promise.all(servers.map(async (server) => (await server)[Symbol.asyncDispose]()));
    await sql.end();
  }
  return tally;
}

function wish(random: Random, title: string): Wish {
  return {
    key: `${random.below(2 ** 31)} ${title}`.replaceAll(/[ ,]+/g, "-"),
    title,
    kind: random.oneOf(["alone", "with structure", "in a batch"] as const),
    ids: Array.from({ length: 1 + MILESTONES }, () => crypto.randomUUID()),
  };
}

/** The response, or `undefined` if there was none: the connection broke, or could not be opened. */
async function send(url: string, userId: string, { key, title, kind, ids }: Wish): Promise<Reply | undefined> {
  const goal = { user_id: userId, title };
  const milestones = Array.from({ length: MILESTONES }, (_, week) => ({
    week_number: week + 1,
    title,
    tasks: [{ title }],
  }));
  const headers = { "x-flux-service-key": "client-key", "content-type": "application/json", "idempotency-key": key };
  const post = (path: string, body: object, id?: string) => ({ method: "POST", path: `/api/v1/${path}`, body, id });
  const [goalId, ...milestoneIds] = ids;
  const sent = {
    alone: post("goals/", goal),
    "with structure": post("goals/with-structure", { goal, milestones }),
    "in a batch": post("batch", {
      operations: [
        post("goals/", goal, goalId),
        ...milestoneIds.flatMap((id, week) => [
          post("milestones/", { goal_id: goalId, week_number: week + 1, title }, id),
          post("tasks/", { user_id: userId, goal_id: goalId, milestone_id: id, title }),
        ]),
      ],
    }),
  }[kind];
  try {
    const response = await fetch(url + sent.path, { method: "POST", headers, body: JSON.stringify(sent.body) });
    const body = Object(await response.json());
    const { id } = body.results?.[0].body ?? body;
    return { status: response.status, isReplay: response.headers.get("idempotent-replayed") === "true", id };
  } catch {
    return undefined;
  }
}

async function retry(url: string, userId: string, wanted: Wish): Promise<Reply | undefined> {
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const reply = await send(url, userId, wanted);
    if (reply !== undefined) return reply;
  }
  return undefined;
}

/** Exactly one goal each, complete, and the one that the client got. */
async function check(sql: postgres.Sql, { title, kind }: Wish, reply: Reply | undefined, tally: Tally) {
  if (reply?.status !== (kind === "in a batch" ? 200 : 201))
    tally.violation(`${title}: the response was ${reply?.status ?? "missing"}`);
  const goals = await sql`select id, (select count(*)::int from milestones where goal_id = goals.id) as milestones,
    (select count(*)::int from tasks where goal_id = goals.id) as tasks from goals where title = ${title}`;
  if (goals.length > 1) tally.duplicates += goals.length - 1;
  if (goals.length === 0 || !goals.some(({ id }) => id === reply?.id)) tally.losses++;
  const parts = kind === "alone" ? 0 : MILESTONES;
  for (const { milestones, tasks } of goals) {
    if (milestones !== parts || tasks !== parts) tally.violation(`${title}: half-written`);
  }
}

/** There are no other goals, and each key is recorded with its response. */
async function checkAll(sql: postgres.Sql, wishes: number, tally: Tally): Promise<void> {
  const [row] = await sql`select (select count(*)::int from goals) as goals,
    (select count(*)::int from idempotency_keys where result is not null) as answers,
    (select count(*)::int from idempotency_keys where result is null) as unanswered`;
  const expected = { goals: wishes, answers: wishes, unanswered: 0 };
  if (JSON.stringify(row) !== JSON.stringify(expected)) {
    tally.violation(`the final counts are ${JSON.stringify(row)}, not ${JSON.stringify(expected)}`);
  }
}

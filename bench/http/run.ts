import { type Cell, compare } from "../comparison.ts";
import type { BenchDatabase } from "../data/bench-database.ts";
import { LAST_PAGE, nth, OPERATIONS, type OperationName } from "../operations.ts";
import { type Plan, SETTLE_MS } from "../plan.ts";
import { Child } from "../processes/child.ts";
import { assertSameResult } from "../same-result.ts";
import { warmUp } from "../warm-up.ts";
import { CONNECTIONS, SERVER_NAMES, SERVERS, type ServerName } from "./contenders.ts";
import type { LoadCommands } from "./load.ts";
import { type ApiRequest, requestsOf } from "./requests.ts";
import { SERVICE_KEY, type ServerProcess, startOtherServer, startOurServer } from "./servers.ts";

/** The compiled programs that it runs. */
export interface HttpPrograms {
  readonly "http/load": string;
  readonly "http/server-bare": string;
  readonly "http/server-duties": string;
  readonly "http/server-fastify": string;
  readonly "http/server-hono": string;
  readonly "processes/report-usage": string;
}

export interface HttpResult {
  readonly cells: readonly Cell[];
  /** The maximum memory of each server after a slice of quick requests, in megabytes. */
  readonly loadedRssMb: Readonly<Record<string, number>>;
}

/** A server under test. */
interface Competitor extends ServerProcess {
  /** Its own cursor of the last page. */
  readonly cursor: string;
}

type Competitors = ReadonlyMap<ServerName, Competitor>;

/** Compares servers, each in a process of its own, under load from another process. */
export async function compareHttp(database: BenchDatabase, programs: HttpPrograms, plan: Plan): Promise<HttpResult> {
  const load = new Child<LoadCommands>(programs["http/load"]);
  const started: ServerProcess[] = [];
  try {
    const servers = new Map<ServerName, Competitor>();
    for (const name of plan.isShort || plan.contenders !== undefined ? (["bare", "ours"] as const) : SERVER_NAMES) {
      const server = await start(name, database.url, programs);
      started.push(server);
      servers.set(name, { ...server, cursor: await lastCursor(server, database) });
    }
    for (const operation of plan.operations) await check(database, servers, operation);
    await database.tidy();
    const loadedRssMb: Record<string, number> = {};
    const cells: Cell[] = [];
    for (const connections of plan.isShort ? CONNECTIONS.slice(0, 1) : CONNECTIONS) {
      cells.push(...(await compareRequests({ database, servers, load, plan, connections, loadedRssMb })));
    }
    return { cells: [...cells, ...(await compareTransfers(database, servers, load, plan))], loadedRssMb };
  } finally {
    await Promise.all([load, ...started.map(({ process }) => process)].map((child) => child.stop()));
  }
}

function start(name: ServerName, databaseUrl: string, programs: HttpPrograms): Promise<ServerProcess> {
  const reportUsage = programs["processes/report-usage"];
  if (name === "ours") return startOurServer(databaseUrl, reportUsage);
  return startOtherServer(programs[`http/server-${name}`], databaseUrl, reportUsage);
}

interface Requests {
  readonly database: BenchDatabase;
  readonly servers: Competitors;
  readonly load: Child<LoadCommands>;
  readonly plan: Plan;
  readonly connections: number;
  /** Updated in place. */
  readonly loadedRssMb: Record<string, number>;
}

function compareRequests({ database, servers, load, plan, connections, loadedRssMb }: Requests): Promise<Cell[]> {
  const operations = plan.operations.filter((name) => OPERATIONS[name].pace !== "long");
  const contests = operations.map((operation) => contest(servers, operation));
  const warmsUp = connections === CONNECTIONS[0];
  return compare(
    contests,
    { rounds: plan.rounds, callers: connections, warmsUp },
    async (name, operation, isWarmUp) => {
      const { port, process, cursor } = server(servers, name);
      const requests = requestsOf(operation, database.inputs, cursor);
      const send = (milliseconds: number) =>
        load.ask("load", { port, serviceKey: SERVICE_KEY, requests, milliseconds });
      const measure = async (milliseconds: number) => {
        const before = await process.ask("usage", null);
        const { requests: count, elapsedMs, p50, p99 } = await send(milliseconds);
        const { cpuMs, rssMb } = await process.ask("usage", null);
        if (OPERATIONS[operation].writes) await database.tidy();
        return { perSecond: (count / elapsedMs) * 1000, cpuMs: (cpuMs - before.cpuMs) / count, p50, p99, rssMb };
      };
      await load.ask("connect", { port, connections });
      if (isWarmUp) await warmUp(async (milliseconds) => (await measure(milliseconds)).cpuMs, plan.warmUp);
      else await send(SETTLE_MS);
      const { rssMb, ...measured } = await measure(plan.slowSliceMs);
      await load.ask("connect", { port, connections: 0 });
      if (OPERATIONS[operation].pace === "quick") loadedRssMb[name] = Math.max(loadedRssMb[name] ?? 0, rssMb);
      return measured;
    },
  );
}

function compareTransfers(
  database: BenchDatabase,
  servers: Competitors,
  load: Child<LoadCommands>,
  plan: Plan,
): Promise<Cell[]> {
  const operations = plan.operations.filter((name) => OPERATIONS[name].pace === "long");
  const contests = operations.map((operation) => contest(servers, operation));
  // A transfer of a hundred thousand rows hides a cold start; the few rows of a short run do not.
  return compare(contests, { rounds: plan.longRounds, callers: 1, warmsUp: plan.isShort }, async (name, operation) => {
    const { process, port } = server(servers, name);
    const target = { port, serviceKey: SERVICE_KEY };
    await process.ask("watchGrowth", null);
    const before = await process.ask("usage", null);
    const { elapsedMs, rows } = await (operation === "import"
      ? load.ask("import", { ...target, path: "/api/v1/tasks/import", inputs: database.inputs })
      : load.ask("export", { ...target, path: "/api/v1/tasks/stream" }));
    const after = await process.ask("usage", null);
    const rssGrowthMb = await process.ask("growth", null);
    const expected = operation === "import" ? plan.importRows : database.tasks;
    if (rows !== expected) throw new Error(`${name} transferred ${rows} rows in the ${operation}, not ${expected}.`);
    if (OPERATIONS[operation].writes) await database.tidy();
    return {
      perSecond: (rows / elapsedMs) * 1000,
      cpuMs: (after.cpuMs - before.cpuMs) / rows,
      p50: elapsedMs,
      p99: elapsedMs,
      rssGrowthMb,
    };
  });
}

function contest(servers: Competitors, operation: OperationName) {
  const contenders = [...servers.keys()].filter((name) => SERVERS[name].operations.includes(operation));
  return { operation, isSlow: OPERATIONS[operation].pace === "slow", contenders };
}

/** All servers must return what the yardstick returns. Transfers are checked by their number of rows. */
async function check(database: BenchDatabase, servers: Competitors, operation: OperationName): Promise<void> {
  const { writes, creates, pace } = OPERATIONS[operation];
  if (pace === "long") return;
  const ask = async ({ port, cursor }: Competitor) => {
    if (writes) await database.tidy();
    return fetchJson(port, nth(requestsOf(operation, database.inputs, cursor), 1));
  };
  const expected = await ask(server(servers, "bare"));
  for (const [name, competitor] of servers) {
    if (name === "bare" || !SERVERS[name].operations.includes(operation)) continue;
    assertSameResult({ operation, contender: name, creates }, await ask(competitor), expected);
  }
}

/** The server's own cursor if it returns one, else that of the hand-written SQL. */
async function lastCursor({ port }: ServerProcess, { inputs }: BenchDatabase): Promise<string> {
  const path = `/api/v1/tasks/?page=${LAST_PAGE - 1}&page_size=100`;
  const { next_cursor }: { next_cursor?: string } = await fetchJson(port, { method: "GET", path });
  return next_cursor ?? `${inputs.beforeLastPage.created_at},${inputs.beforeLastPage.id}`;
}

async function fetchJson<Body>(port: number, { method, path, body }: ApiRequest): Promise<Body> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    method,
    headers: { "x-flux-service-key": SERVICE_KEY, ...(body !== undefined && { "content-type": "application/json" }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new Error(`${method} ${path} returned ${response.status}: ${await response.text()}`);
  return (await response.json()) as Body;
}

function server(servers: Competitors, name: ServerName): Competitor {
  const found = servers.get(name);
  if (found === undefined) throw new Error(`${name} is not running.`);
  return found;
}

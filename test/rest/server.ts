import { type Database, openDatabase } from "@flux/dao-core";
import { createTestDatabase } from "@flux/dao-core/testing";
import { createDaoApp } from "@flux/dao-http";
import { createLogger, startServer } from "@flux/dao-http/server";
import postgres from "postgres";
import { afterAll, beforeAll, inject } from "vitest";
import { type Answer, checkAnswer } from "./answer.ts";

/** A running service, and a key of it. */
interface Deployment {
  readonly url: string;
  readonly key: string;
}

declare module "vitest" {
  export interface ProvidedContext {
    /** The service that the black-box suite tests (test/black-box); absent everywhere else. */
    deployment?: Deployment;
  }
}

const deployment = inject("deployment");

/** The guide's keys, by the names in the tests' log; for a deployment the one key that was given. */
export const KEYS: Readonly<Record<"goal-planner" | "scheduler" | "observer", string>> = {
  "goal-planner": deployment?.key ?? "goal-planner-key-abc",
  scheduler: deployment?.key ?? "scheduler-key-def",
  observer: deployment?.key ?? "observer-key-ghi",
};

/** A UUID in the form of responses. */
export const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** An instant in the form of responses: RFC 3339, UTC, milliseconds. */
export const INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/;

/** The parts of a request besides method and path. */
interface RequestParts {
  /** Text and bytes are sent unchanged, all else as JSON. Default: no body. */
  readonly body?: unknown;
  /** Replace the defaults: the goal planner's key, and `application/json` if there is a body. `undefined` omits one. */
  readonly headers?: Readonly<Record<string, string | undefined>>;
}

/** Sends a request, and checks what holds for every response. `Body` is its type, for the caller's comparisons. */
export type Call = <Body = unknown>(method: string, path: string, parts?: RequestParts) => Promise<Answer<Body>>;

/** How the service uses the database, all in milliseconds. */
export interface RestServerOptions {
  /** Whether its own database has a change feed; how many may wait for changes. */
  readonly changes?: true;
  readonly maxFollowers?: number;
  readonly sendTimeout?: number;
  /** Default: a free one. */
  readonly port?: number;
  /** Default: a database of its own, migrated and empty. */
  readonly databaseUrl?: string;
  readonly poolSize?: number;
  readonly acquireTimeout?: number;
  readonly maxWaiting?: number;
  readonly lockTimeout?: number;
  readonly statementTimeout?: number;
  /** The path of the app. */
  readonly basePath?: string;
}

/** The REST API on a socket, over a PostgreSQL database. */
export interface RestServer extends AsyncDisposable {
  readonly call: Call;
  readonly baseUrl: string;
  readonly databaseUrl: string;
  /** The service's database, for a test that is its host. */
  readonly database: Database;
  /** Runs SQL on the database, bypassing the service. */
  sql(script: string): Promise<void>;
  /** The lines of the service's log so far. */
  logLines(): readonly string[];
  stop(): Promise<void>;
}

/** Starts the service on a free port of 127.0.0.1. */
export async function startRestServer({
  databaseUrl,
  basePath,
  maxFollowers,
  sendTimeout,
  port = 0,
  ...options
}: RestServerOptions = {}): Promise<RestServer> {
  const own =
    databaseUrl === undefined ? await createTestDatabase({ serverUrl: inject("adminUrl"), ...options }) : undefined;
  const url = own?.url ?? databaseUrl ?? "";
  const database = own?.database ?? (await openDatabase(url, options));
  const lines: string[] = [];
  const logger = createLogger({ destination: { write: (text) => lines.push(...text.split("\n").filter(Boolean)) } });
  const keys = Object.entries(KEYS).map(([name, key]) => ({ name, key }));
  const app = createDaoApp({ services: database, keys, logger, basePath, maxFollowers });
  const server = await startServer({ app, port, database, logger, sendTimeout, stopDelay: 0, gracePeriod: 1_000 });
  const baseUrl = server.url;
  const stop = async () => {
    await server.stop();
    await own?.drop();
  };
  return {
    baseUrl,
    databaseUrl: url,
    database,
    call: (method, path, parts) => call(baseUrl, method, path, parts),
    sql: (script) => runSql(url, script),
    logLines: () => lines,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/**
 * {@link startRestServer} for all tests of a file, or of the `describe` that calls it. In the black-box suite it is the
 * deployment, which has only `call` and `baseUrl`.
 */
export function useRestServer(options?: RestServerOptions): Omit<RestServer, "stop" | typeof Symbol.asyncDispose> {
  if (deployment !== undefined) return deployedServer(deployment);
  let running: RestServer | undefined;
  beforeAll(async () => {
    running = await startRestServer(options);
  });
  afterAll(() => running?.stop());
  const server = (): RestServer => {
    if (running === undefined) throw new Error("The service runs from beforeAll to afterAll.");
    return running;
  };
  return {
    call: (method, path, parts) => server().call(method, path, parts),
    sql: (script) => server().sql(script),
    logLines: () => server().logLines(),
    get baseUrl() {
      return server().baseUrl;
    },
    get databaseUrl() {
      return server().databaseUrl;
    },
    get database() {
      return server().database;
    },
  };
}

function deployedServer({ url }: Deployment): ReturnType<typeof useRestServer> {
  const unreachable = (): never => {
    throw new Error("A deployment has only call and baseUrl: a test that needs more cannot be in the black-box suite.");
  };
  return {
    baseUrl: url,
    call: (method, path, parts) => call(url, method, path, parts),
    sql: unreachable,
    logLines: unreachable,
    get databaseUrl() {
      return unreachable();
    },
    get database() {
      return unreachable();
    },
  };
}

async function call<Body>(baseUrl: string, method: string, path: string, parts: RequestParts = {}) {
  const body = toBytes(parts.body);
  const headers = new Headers();
  const wanted = {
    "X-Flux-Service-Key": KEYS["goal-planner"],
    "Content-Type": body === undefined ? undefined : "application/json",
    ...parts.headers,
  };
  for (const [name, value] of Object.entries(wanted)) if (value !== undefined) headers.set(name, value);
  const init: RequestInit = { method, headers, redirect: "manual" };
  if (body !== undefined) init.body = body;
  const response = await fetch(baseUrl + path, init);
  const text = await response.text();
  const answer: Answer<Body> = {
    status: response.status,
    headers: response.headers,
    text,
    body: isJson(response) && text !== "" ? JSON.parse(text) : undefined,
  };
  checkAnswer(method, path, answer);
  return answer;
}

/** Bytes, for which `fetch` sets no content type of its own. */
function toBytes(body: unknown): Uint8Array<ArrayBuffer> | undefined {
  if (body === undefined) return undefined;
  if (body instanceof Uint8Array) return new Uint8Array(body);
  return new TextEncoder().encode(typeof body === "string" ? body : JSON.stringify(body));
}

const isJson = ({ headers }: Response) => /^application\/(problem\+)?json\b/.test(headers.get("content-type") ?? "");

async function runSql(url: string, script: string): Promise<void> {
  const sql = postgres(url, { max: 1, onnotice: () => undefined });
  try {
    await sql.unsafe(script);
  } finally {
    await sql.end();
  }
}

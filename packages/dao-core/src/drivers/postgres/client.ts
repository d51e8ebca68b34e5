import type { Socket } from "node:net";
import postgres from "postgres";
import type { PostgresLocation } from "../../connection-string/database-url.ts";
import { ABORT_GRACE } from "../../session/limits.ts";
import type { Candidate } from "./server-search.ts";

/** How the client of a connection logs in. */
export interface ClientSettings {
  /** The server that the socket leads to. postgres.js names it in errors. */
  readonly server: Candidate;
  readonly login: Pick<PostgresLocation, "user" | "password" | "database">;
  /** Startup parameters. */
  readonly parameters: Readonly<Record<string, string>>;
  readonly prepare: boolean;
}

/** Instants are text in both directions: a `Date` would drop their microseconds. */
const types = {
  instant: { to: 1184, from: [1184], serialize: (text: string) => text, parse: (text: string) => text },
};

/** A postgres.js client of one connection, on the socket that `open` opens. */
export function createClient(
  { server, login, parameters, prepare }: ClientSettings,
  { open, onclose }: { readonly open: () => Promise<Socket>; readonly onclose: () => void },
): postgres.Sql {
  const { user, password = "", database } = login;
  const options = {
    user,
    // As a function it counts even if it is empty.
    password: () => password,
    database,
    host: server.host,
    port: server.port,
    // Otherwise taken from variables, as are the two before it.
    debug: false,
    max_pipeline: 100,
    types,
    connection: { ...parameters },
    prepare,
    max: 1,
    // TLS, time-outs and keep-alive belong to the socket.
    ssl: false,
    connect_timeout: 0,
    keep_alive: 0,
    fetch_types: false,
    idle_timeout: 0,
    max_lifetime: null,
    onnotice: () => undefined,
    onclose,
    // Documented, but missing in the types.
    socket: open,
  };
  return withoutTargetSession(() => postgres(options));
}

const TARGET_SESSION = "PGTARGETSESSIONATTRS";

/** postgres.js reads the variable, whatever its options say: it throws at `any`, and at others makes a check of its own. */
function withoutTargetSession<Result>(create: () => Result): Result {
  const { [TARGET_SESSION]: value } = process.env;
  if (value === undefined) return create();
  delete process.env[TARGET_SESSION];
  try {
    return create();
  } finally {
    process.env[TARGET_SESSION] = value;
  }
}

/** What a cancel request names. */
export interface ServerProcess {
  readonly pid: number;
  readonly secret: number;
}

/** The server process that responded: `state` of a result, or of the last of several, as postgres.js documents. */
export function processOf(results: readonly unknown[]): ServerProcess | undefined {
  const last = results.at(-1);
  const result = typeof last === "object" && last !== null && "state" in last ? last : results;
  const state: unknown = Reflect.get(result, "state");
  if (typeof state !== "object" || state === null) return undefined;
  const { pid, secret }: { pid?: unknown; secret?: unknown } = state;
  return typeof pid === "number" && typeof secret === "number" ? { pid, secret } : undefined;
}

/** PostgreSQL's cancel request (manual, 53.2.9), over a connection that the server closes without a response. */
export async function requestCancel(
  server: ServerProcess | undefined,
  openSocket: () => Promise<Socket>,
): Promise<void> {
  if (server === undefined) return;
  const message = Buffer.alloc(16);
  for (const [index, value] of [16, 80_877_102, server.pid, server.secret].entries()) {
    message.writeInt32BE(value | 0, index * 4);
  }
  const socket = await openSocket();
  await new Promise<void>((resolve) => {
    socket.on("error", () => resolve()).on("close", () => resolve());
    // A server that hangs accepts the connection and never closes it.
    socket.setTimeout(ABORT_GRACE, () => socket.destroy());
    socket.resume();
    // Not ended: PgBouncer 1.18 crashes if such a client disconnects before the server has the request.
    socket.write(message);
  });
}

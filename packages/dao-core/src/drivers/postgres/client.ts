import type { Socket } from "node:net";
import postgres from "postgres";
import type { PostgresLocation } from "../../connection-string/database-url.ts";
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

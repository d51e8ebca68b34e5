import { userInfo } from "node:os";
import { type LocationOptions, readKeepAlive, readOptions } from "./location-options.ts";
import { type Environment, invalidUrl, type Parameters, parametersOf } from "./parameters.ts";
import { partsOf } from "./parts.ts";
import { passwordInFile } from "./password-file.ts";
import { nameOf, readServers, type ServerAddress } from "./servers.ts";
import { readTls, type TlsSettings } from "./tls.ts";
import { refuseUnsupported, serverSettings } from "./unsupported.ts";

export { isSchemaName } from "../schema/schema-name.ts";
export { nameOf, type ServerAddress } from "./servers.ts";

/** Where a database is. */
export type DatabaseLocation =
  | PostgresLocation
  | { readonly kind: "memory" }
  | { readonly kind: "folder"; readonly path: string };

/** A database on one server, or on several that replicate it. */
export interface PostgresLocation {
  readonly kind: "postgres";
  /** For messages; does not contain the password. */
  readonly description: string;
  /** In the order given. */
  readonly servers: readonly [ServerAddress, ...ServerAddress[]];
  readonly database: string;
  readonly user: string;
  readonly password: string | undefined;
  /** Settings of the server for its sessions: startup parameters (`role`, `work_mem`, …). */
  readonly parameters: Readonly<Record<string, string>>;
  readonly tls: TlsSettings;
  readonly targetSession: TargetSession;
  /** Whether the servers are tried in random order (libpq's `load_balance_hosts=random`). */
  readonly balancesLoad: boolean;
  /** Milliseconds of silence before TCP keep-alive probes the server; 0 is never, `undefined` the default. */
  readonly keepAlive: number | undefined;
  /** What it says of the options of `openDatabase`; those given there count instead. */
  readonly options: LocationOptions;
}

/** Which database on which server, without user and password. */
export interface DatabaseAddress extends ServerAddress {
  readonly database: string;
}

const TARGET_SESSIONS = ["any", "read-write", "read-only", "primary", "standby", "prefer-standby"] as const;

/** Which of several servers is used, with the meanings of libpq's `target_session_attrs`. */
export type TargetSession = (typeof TARGET_SESSIONS)[number];

const expected =
  'must be postgres://user:password@host:5432/database, or "memory://", or a folder (./data) for an embedded database';

/** Not `//user:password@host`, a URL without its scheme: messages may contain a folder's name. */
const FOLDER = /^(?:\.{0,2}[\\/](?![\\/])|[A-Za-z]:[\\/]|\.{1,2}$)/;

/**
 * Parses a database URL: `postgres://`, `postgresql://` and, for environments of the Python service, `postgresql+asyncpg://`, or
 * libpq's `host=… dbname=…`; `memory://` and folders (`./data`, `/var/data`, `file:///var/data`) for PGlite. No message contains
 * the URL, which may hold a password.
 * @param environment for what the URL does not say, the variables that PostgreSQL's own clients read (`PGHOST`, …)
 * @throws ValidationError for anything else
 */
export function parseDatabaseUrl(url: string | undefined, environment: Environment = process.env): DatabaseLocation {
  if (url !== undefined && typeof url !== "string") throw invalidUrl(expected);
  if (url === undefined || url.trim() === "") throw invalidUrl(`is not set; it ${expected}`);
  if (url === "memory://") return { kind: "memory" };
  if (FOLDER.test(url)) return { kind: "folder", path: url };
  if (url.startsWith("file://")) return { kind: "folder", path: filePath(url) };
  const parts = partsOf(url);
  if (parts === undefined) throw invalidUrl(expected);
  const hidesNames = /(?:^|[?&\s])(?:ssl)?password\s*=/.test(url);
  return postgresLocation(parametersOf(parts, environment, hidesNames));
}

function postgresLocation(parameters: Parameters): PostgresLocation {
  refuseUnsupported(parameters);
  const servers = readServers(parameters);
  const user = parameters.takeText("user") ?? accountName();
  const database = parameters.takeText("dbname") ?? user;
  // A password in the URL makes the file's one unnecessary, and its faults irrelevant.
  const password = parameters.takeText("password") ?? passwordInFile(parameters, { servers, database, user });
  parameters.take("passfile");
  return {
    kind: "postgres",
    description: `PostgreSQL at ${servers.map(nameOf).join(",")}/${database}`,
    servers,
    database,
    user,
    password,
    tls: readTls(parameters),
    targetSession: parameters.takeOneOf("target_session_attrs", TARGET_SESSIONS) ?? "any",
    balancesLoad: parameters.takeOneOf("load_balance_hosts", ["disable", "random"]) === "random",
    keepAlive: readKeepAlive(parameters),
    options: readOptions(parameters),
    parameters: serverSettings(parameters),
  };
}

function accountName(): string {
  try {
    return userInfo().username;
  } catch {
    // A container may run as an account without a name.
    throw invalidUrl("must have a user, or PGUSER be set, since this process has no user name");
  }
}

function filePath(url: string): string {
  try {
    return decodeURIComponent(new URL(url).pathname);
  } catch {
    throw invalidUrl(expected);
  }
}

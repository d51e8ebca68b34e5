import { userInfo } from "node:os";
import { invalidUrl } from "./invalid.ts";
import { type Environment, Parameters } from "./parameters.ts";
import { partsOf } from "./parts.ts";
import { nameOf, readServers, type ServerAddress } from "./servers.ts";

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
  /** Startup parameters and settings of its sessions (`application_name`, `statement_timeout`, …). */
  readonly parameters: Readonly<Record<string, string>>;
  readonly sslMode: SslMode;
  readonly targetSession: TargetSession;
  /** Whether the servers are tried in random order (libpq's `load_balance_hosts=random`). */
  readonly balancesLoad: boolean;
}

/** Which database on which server, without user and password. */
export interface DatabaseAddress extends ServerAddress {
  readonly database: string;
}

const TARGET_SESSIONS = ["any", "read-write", "read-only", "primary", "standby", "prefer-standby"] as const;

/** Which of several servers is used, with the meanings of libpq's `target_session_attrs`. */
export type TargetSession = (typeof TARGET_SESSIONS)[number];

const SSL_MODES = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"] as const;

/**
 * How a connection is encrypted, with libpq's meanings: `prefer` and `allow` use TLS if the server offers it; `require` needs TLS
 * and trusts any certificate, unless there is a `ca`; `verify-ca` needs a trusted certificate; `verify-full` also one that names
 * the server.
 */
export type SslMode = (typeof SSL_MODES)[number];

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
  if (url === undefined || url.trim() === "") throw invalidUrl(`is not set; it ${expected}`);
  if (url === "memory://") return { kind: "memory" };
  if (FOLDER.test(url)) return { kind: "folder", path: url };
  if (url.startsWith("file://")) return { kind: "folder", path: filePath(url) };
  const parts = partsOf(url);
  if (parts === undefined) throw invalidUrl(expected);
  return postgresLocation(new Parameters(parts, environment));
}

function postgresLocation(parameters: Parameters): PostgresLocation {
  const servers = readServers(parameters);
  const user = parameters.takeText("user");
  const database = parameters.takeText("dbname") ?? user ?? "postgres";
  const location = {
    kind: "postgres",
    description: `PostgreSQL at ${servers.map(nameOf).join(",")}/${database}`,
    servers,
    database,
    user: user ?? userInfo().username,
    password: parameters.takeText("password"),
    sslMode: parameters.takeOneOf("sslmode", SSL_MODES) ?? parameters.takeOneOf("ssl", SSL_MODES) ?? "disable",
    targetSession: parameters.takeOneOf("target_session_attrs", TARGET_SESSIONS) ?? "any",
    balancesLoad: parameters.takeOneOf("load_balance_hosts", ["disable", "random"]) === "random",
  } as const;
  return { ...location, parameters: restOf(parameters) };
}

function restOf(parameters: Parameters): Record<string, string> {
  const options = parameters.takeText("options");
  const rest = { ...Object.fromEntries(parameters.rest()), ...(options !== undefined && { options }) };
  refuseSchema(rest);
  return rest;
}

/** Every statement names its schema, so a search path would have no effect. */
function refuseSchema(parameters: Readonly<Record<string, string>>): void {
  const given = ["search_path", "schema", "currentSchema"].find((name) => name in parameters);
  const isInOptions = /search[_-]path/i.test(parameters["options"] ?? "");
  const name = given ?? (isInOptions ? "search_path (in options)" : undefined);
  if (name === undefined) return;
  throw invalidUrl(
    `must not set ${name}, which has no effect here: give the schema as the option schema, or as DB_SCHEMA`,
  );
}

function filePath(url: string): string {
  try {
    return decodeURIComponent(new URL(url).pathname);
  } catch {
    throw invalidUrl(expected);
  }
}

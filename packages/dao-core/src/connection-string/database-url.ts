import { isIP } from "node:net";
import { userInfo } from "node:os";
import { ValidationError } from "../contract/errors.ts";

export { isSchemaName } from "../schema/schema-name.ts";

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

/** Where a server listens. */
export interface ServerAddress {
  /** A name, or an address without brackets, or the folder of a Unix socket, which begins with a slash. */
  readonly host: string;
  readonly port: number;
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
 * Parses a database URL: `postgres://`, `postgresql://` and, for environments of the Python service, `postgresql+asyncpg://`;
 * `memory://` and folders (`./data`, `/var/data`, `file:///var/data`) for PGlite. No message contains the URL, which may hold
 * a password.
 * @throws ValidationError for anything else
 */
export function parseDatabaseUrl(url: string | undefined): DatabaseLocation {
  if (url === undefined || url.trim() === "") throw invalid(`is not set; it ${expected}`);
  if (url === "memory://") return { kind: "memory" };
  if (FOLDER.test(url)) return { kind: "folder", path: url };
  if (url.startsWith("file://")) return { kind: "folder", path: decoded(toUrl(url).pathname) };
  const parsed = toUrl(url.replace(/^postgres(ql)?(\+[a-z0-9]+)?:\/\//, "postgresql://"));
  if (parsed.protocol !== "postgresql:") throw invalid(expected);
  refuseSchema(parsed.searchParams);
  const { sslmode, ssl, ...parameters } = Object.fromEntries(parsed.searchParams);
  const { hostname, port, pathname } = parsed;
  const [user, password, database] = [parsed.username, parsed.password, pathname.slice(1)].map(decoded);
  if (port === "0") throw invalid("must have a port from 1 to 65535");
  const server = { host: toHost(hostname), port: port === "" ? 5432 : Number(port) };
  const location = {
    kind: "postgres",
    servers: [server],
    database: database || user || "postgres",
    user: user || userInfo().username,
    password: password || undefined,
    parameters,
    sslMode: toSslMode(sslmode ?? ssl),
    targetSession: "any",
    balancesLoad: false,
  } as const;
  return { ...location, description: `PostgreSQL at ${nameOf(server)}/${location.database}` };
}

/** The server in messages, and as one may write it in a URL: an IPv6 address has brackets. */
export function nameOf({ host, port }: ServerAddress): string {
  return `${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
}

/** Every statement names its schema, so a search path would have no effect. */
function refuseSchema(parameters: URLSearchParams): void {
  const given = ["search_path", "schema", "currentSchema"].find((name) => parameters.has(name));
  const isInOptions = /search[_-]path/i.test(parameters.get("options") ?? "");
  const name = given ?? (isInOptions ? "search_path (in options)" : undefined);
  if (name === undefined) return;
  throw invalid(
    `must not set ${name}, which has no effect here: give the schema as the option schema, or as DB_SCHEMA`,
  );
}

function toHost(hostname: string): string {
  return decoded(hostname).replace(/^\[(.*)\]$/, "$1") || "localhost";
}

function toSslMode(text: string | undefined): SslMode {
  const mode = SSL_MODES.find((known) => known === (text ?? "disable"));
  if (mode === undefined) throw invalid(`has an unknown sslmode: use one of ${SSL_MODES.join(", ")}`);
  return mode;
}

function toUrl(url: string): URL {
  if (!URL.canParse(url)) throw invalid(expected);
  return new URL(url);
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw invalid("must encode every % in the user, the password and the database name as %25");
  }
}

function invalid(message: string): ValidationError {
  return new ValidationError([{ path: "The database URL", message }]);
}

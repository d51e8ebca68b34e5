import { ValidationError } from "../contract/errors.ts";

export { isSchemaName } from "../schema/schema-name.ts";

/** Where a database is. */
export type DatabaseLocation =
  | PostgresLocation
  | { readonly kind: "memory" }
  | { readonly kind: "folder"; readonly path: string };

/** A database on a server. */
export interface PostgresLocation {
  readonly kind: "postgres";
  readonly url: string;
  /** For messages; does not contain the password. */
  readonly description: string;
  readonly address: DatabaseAddress;
  readonly sslMode: SslMode;
}

/** Which database on which server, without user and password. */
export interface DatabaseAddress {
  readonly host: string;
  readonly port: number;
  readonly database: string;
}

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
  const address = addressOf(parsed);
  refuseSchema(parsed.searchParams);
  return {
    kind: "postgres",
    url: parsed.href,
    description: `PostgreSQL at ${address.host}:${address.port}/${address.database}`,
    address,
    sslMode: toSslMode(parsed.searchParams.get("sslmode") ?? parsed.searchParams.get("ssl")),
  };
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

function addressOf({ hostname, port, pathname, username, password }: URL): DatabaseAddress {
  const [user, , database] = [username, password, pathname.slice(1)].map(decoded);
  if (port === "0") throw invalid("must have a port from 1 to 65535");
  return {
    host: hostname === "" ? "localhost" : hostname,
    port: port === "" ? 5432 : Number(port),
    database: database || user || "postgres",
  };
}

function toSslMode(text: string | null): SslMode {
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

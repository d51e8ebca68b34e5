import { ValidationError } from "../contract/errors.ts";
import { addressOf, type DatabaseAddress } from "./database-address.ts";

/** A database of a server. */
export interface PostgresLocation {
  readonly kind: "postgres";
  readonly url: string;
  /** For a person; holds no password. */
  readonly description: string;
  readonly address: DatabaseAddress;
  readonly sslMode: SslMode;
}

/** How a connection is encrypted, as by libpq. */
export type SslMode = (typeof SSL_MODES)[number];

/** Where a database is. */
export type DatabaseLocation =
  | PostgresLocation
  | { readonly kind: "memory" }
  | { readonly kind: "folder"; readonly path: string };

const expected =
  'must be postgres://user:password@host:5432/database, or "memory://", or a folder (./data) for an embedded database';

/** `//user:password@host` is a URL that lost its scheme, and no folder, whose name may be shown. */
const FOLDER = /^(?:\.{0,2}[\\/](?![\\/])|[A-Za-z]:[\\/]|\.{1,2}$)/;

/**
 * Reads a database URL: `postgres://`, `postgresql://` and, left over from the Python service, `postgresql+asyncpg://`;
 * `memory://` and folders (`./data`, `/var/data`, `file:///var/data`) for PGlite. No message shows the URL: it may hold
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
  const { port, pathname, username, password, searchParams } = parsed;
  for (const part of [username, password, pathname]) decoded(part);
  if (port === "0") throw invalid("must have a port between 1 and 65535");
  const sslMode = searchParams.get("sslmode") ?? searchParams.get("ssl");
  const address = addressOf(parsed);
  return {
    kind: "postgres",
    url: parsed.href,
    description: `PostgreSQL at ${address.host}:${address.port}/${address.database}`,
    address,
    sslMode: toSslMode(sslMode),
  };
}

const SSL_MODES = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"] as const;

function toSslMode(text: string | null): SslMode {
  const mode = SSL_MODES.find((known) => known === (text ?? "disable"));
  if (mode === undefined) throw invalid(`must have one of ${SSL_MODES.join(", ")} as sslmode`);
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
    throw invalid("must have %25 for a % in the user, the password or the database");
  }
}

function invalid(message: string): ValidationError {
  return new ValidationError([{ path: "The database URL", message }]);
}

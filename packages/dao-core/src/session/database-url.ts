import { ValidationError } from "../contract/errors.ts";

/** Where a database is. */
export type DatabaseLocation =
  | { readonly kind: "postgres"; readonly url: string; readonly description: string }
  | { readonly kind: "memory" }
  | { readonly kind: "folder"; readonly path: string };

const expected =
  'must be postgres://user:password@host:5432/database, or "memory://", or a folder (./data) for an embedded database';

/**
 * Reads a database URL: `postgres://`, `postgresql://` and, left over from the Python service, `postgresql+asyncpg://`;
 * `memory://` and folders (`./data`, `/var/data`, `file:///var/data`) for PGlite. No message shows the URL: it may hold
 * a password.
 * @throws ValidationError for anything else
 */
export function parseDatabaseUrl(url: string | undefined): DatabaseLocation {
  if (url === undefined || url.trim() === "") throw invalid(`is not set; it ${expected}`);
  if (url === "memory://") return { kind: "memory" };
  if (/^(\.{0,2}\/|[A-Za-z]:[\\/]|\.{1,2}$)/.test(url)) return { kind: "folder", path: url };
  if (url.startsWith("file://")) return { kind: "folder", path: decodeURIComponent(new URL(url).pathname) };
  const withoutDriver = url.replace(/^postgres(ql)?(\+[a-z0-9]+)?:\/\//, "postgresql://");
  if (!withoutDriver.startsWith("postgresql://") || !URL.canParse(withoutDriver)) throw invalid(expected);
  const { hostname, port, pathname, username } = new URL(withoutDriver);
  if (port === "0") throw invalid("must have a port between 1 and 65535");
  const host = hostname === "" ? "localhost" : hostname;
  const database = pathname.slice(1) || username || "postgres";
  return {
    kind: "postgres",
    url: withoutDriver,
    description: `PostgreSQL at ${host}:${port || "5432"}/${database}`,
  };
}

function invalid(message: string): ValidationError {
  return new ValidationError([{ path: "The database URL", message }]);
}

import { type PostgresLocation, parseDatabaseUrl } from "../src/connection-string/database-url.ts";

/** Where the database of a `postgres://` URL is. */
export function postgresLocation(url: string): PostgresLocation {
  const location = parseDatabaseUrl(url);
  if (location.kind !== "postgres") throw new RangeError("needs a server");
  return location;
}

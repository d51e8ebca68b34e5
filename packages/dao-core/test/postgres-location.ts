import { type PostgresLocation, parseDatabaseUrl } from "../src/connection-string/database-url.ts";

/** The location of the database of a `postgres://` URL. */
export function postgresLocation(url: string): PostgresLocation {
  const location = parseDatabaseUrl(url);
  if (location.kind !== "postgres") throw new RangeError("needs a server");
  return location;
}

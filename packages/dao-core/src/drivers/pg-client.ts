import type { SqlDriver, SqlParameter, SqlRow } from "../session/driver.ts";
import { hostDriver } from "./host/host-driver.ts";

/** The part of a `pg` client that is used. */
export interface HostPgClient {
  query(query: PgQuery): Promise<PgResult>;
  on(event: "error", listener: (error: Error) => void): unknown;
  removeListener(event: "error", listener: (error: Error) => void): unknown;
}

/** A statement as `pg` takes it; one with a name is prepared, once on each client. */
export interface PgQuery {
  readonly name?: string;
  readonly text: string;
  readonly values?: SqlParameter[];
  readonly rowMode: "array";
  readonly types: { getTypeParser(oid: number): (value: string) => unknown };
}

/** What `pg` returns. */
export interface PgResult {
  readonly rows: readonly SqlRow[];
}

const identity = (text: string) => text;
const parsers: ReadonlyMap<number, (text: string) => unknown> = new Map<number, (text: string) => unknown>([
  [16, (text) => text === "t"],
  ...[21, 23, 26, 700, 701].map((oid) => [oid, Number] as const),
]);

/** Regardless of `pg.types` and the pool: numbers and booleans are parsed, all else stays text, which the row mappers read. */
export const pgTypes = { getTypeParser: (oid: number) => parsers.get(oid) ?? identity };

/** A client of `pg` with the transaction that the application has begun on it. */
export function pgClientDriver(client: HostPgClient): SqlDriver {
  return hostDriver<HostPgClient>({
    description: "the application's pg client",
    handle: client,
    execute: async (handle, text, values) =>
      (await handle.query({ text, values, rowMode: "array", types: pgTypes })).rows,
    connectionOf: (handle) => handle,
  });
}

import { setTimeout as delay } from "node:timers/promises";
import postgres from "postgres";

/** Servers of which one accepts writes, and another takes over when that is killed. */
export interface Cluster extends AsyncDisposable {
  /** What it runs on, in one line. */
  readonly describe: string;
  /** The ways to reach the one that accepts writes, by name. */
  readonly urls: Readonly<Record<string, string>>;
  /** The one that accepts writes, by itself. */
  readonly primaryUrl: string;
  /** Kills the primary; resolves when another one accepts writes. */
  failOver(): Promise<Takeover>;
  /** Brings the killed one back as a standby; resolves when commits wait for it. */
  rejoin(): Promise<void>;
}

/** The moments of a failover, by `performance.now()`. */
export interface Takeover {
  readonly killedAt: number;
  readonly writableAt: number;
}

export function connect(url: string): postgres.Sql {
  return postgres(url, { max: 1, connect_timeout: 5, onnotice: () => undefined });
}

/** Runs `ask` on one server until it returns something, once at least; connects anew after an error. */
export async function until<Result>(
  url: string,
  seconds: number,
  ask: (sql: postgres.Sql) => Promise<Result | undefined>,
): Promise<Result> {
  const end = performance.now() + seconds * 1_000;
  for (let last: unknown; ; await delay(20)) {
    const sql = connect(url);
    try {
      do {
        const result = await ask(sql);
        if (result !== undefined) return result;
        await delay(20);
      } while (performance.now() < end);
    } catch (error) {
      last = error;
    } finally {
      await sql.end({ timeout: 0 });
    }
    if (performance.now() > end)
      throw new Error(`The server at ${new URL(url).host} did not within ${seconds} s.`, { cause: last });
  }
}

/** Resolves with the moment at which the server has committed a write. */
export function writable(url: string, seconds: number): Promise<number> {
  return until(url, seconds, async (sql) => {
    await sql`insert into probes default values`;
    return performance.now();
  });
}

/** Resolves when each commit waits for the server's standby. */
export async function synchronous(url: string, seconds: number): Promise<void> {
  await until(url, seconds, async (sql) => {
    const standbys = await sql`select from pg_stat_replication where sync_state in ('sync', 'quorum')`;
    return standbys.length > 0 || undefined;
  });
  // What was committed without waiting is flushed there before this is.
  await writable(url, seconds);
}

import pg from "pg";

/**
 * A pool as `pg` asks every application to have it, with listeners for lost connections. It needs them at its end, too: `end()`
 * resolves before its connections are closed, and a server that drops their database says so to them.
 */
export function openPool(url: string, max: number, options: pg.PoolConfig = {}): pg.Pool {
  const pool = new pg.Pool({ connectionString: url, max, ...options });
  pool.on("error", () => undefined);
  pool.on("connect", (client) => client.on("error", () => undefined));
  return pool;
}

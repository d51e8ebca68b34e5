import pg from "pg";

/**
 * A pool as pg's documentation requires it, with listeners for lost connections. They are needed at its end too: `end()`
 * resolves before its connections are closed, and a server that drops their database terminates them.
 */
export function openPool(url: string, max: number, options: pg.PoolConfig = {}): pg.Pool {
  const pool = new pg.Pool({ connectionString: url, max, ...options });
  pool.on("error", () => undefined);
  pool.on("connect", (client) => client.on("error", () => undefined));
  return pool;
}

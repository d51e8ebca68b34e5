import pg from "pg";

const DATE = 1082;

/** An application's existing pool, with its own limit and its own parser. */
export function openHostPool(connectionString: string): pg.Pool {
  const pool = new pg.Pool({
    connectionString,
    max: 5,
    application_name: "host",
    // A date is not an instant: it stays text.
    types: {
      getTypeParser: (oid, format) => (oid === DATE ? (text: string) => text : pg.types.getTypeParser(oid, format)),
    },
  });
  // As pg requires: without listeners a lost connection ends the process.
  pool.on("error", (error) => console.error("An idle connection was lost:", error.message));
  pool.on("connect", (client) => client.on("error", () => undefined));
  return pool;
}

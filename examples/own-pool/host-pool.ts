import pg from "pg";

const DATE = 1082;

/** A pool as its host made it, long before our data layer came: with a limit and a parser of its own. */
export function openHostPool(connectionString: string): pg.Pool {
  const pool = new pg.Pool({
    connectionString,
    max: 5,
    application_name: "host",
    // A date is no instant: it stays text.
    types: {
      getTypeParser: (oid, format) => (oid === DATE ? (text: string) => text : pg.types.getTypeParser(oid, format)),
    },
  });
  // As pg asks of every host: without listeners a lost connection ends the process.
  pool.on("error", (error) => console.error("An idle connection was lost:", error.message));
  pool.on("connect", (client) => client.on("error", () => undefined));
  return pool;
}

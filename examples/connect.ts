import { createDaoServices, type DaoServices, openDatabase } from "@flux/dao-core";
import { createDaoClient } from "@flux/dao-http/client";

/** The seven services, and a function that closes what they use. */
export interface Connection extends AsyncDisposable {
  readonly services: DaoServices;
}

/**
 * Over HTTP if `FLUX_DAO_URL` and `FLUX_DAO_KEY` are set; else in this process, on the database of
 * `DATABASE_URL`, or on an embedded one in memory. The services are the same.
 */
export async function connect(): Promise<Connection> {
  const { FLUX_DAO_URL: baseUrl, FLUX_DAO_KEY: serviceKey, DATABASE_URL = "memory://" } = process.env;

  if (baseUrl !== undefined) {
    if (serviceKey === undefined)
      throw new Error("FLUX_DAO_URL is set: set FLUX_DAO_KEY too, to a key of that service.");
    console.log(`Over HTTP: ${baseUrl}`);
    return { services: createDaoClient({ baseUrl, serviceKey }), [Symbol.asyncDispose]: async () => {} };
  }

  const db = await openDatabase(DATABASE_URL);
  await db.migrate({ changes: true });
  console.log(`In-process: ${db.description}`);
  return { services: createDaoServices(db), [Symbol.asyncDispose]: () => db.close() };
}

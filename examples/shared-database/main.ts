import { PGlite } from "@electric-sql/pglite";
import { drizzle as drizzlePg } from "drizzle-orm/node-postgres";
import { drizzle as drizzlePglite } from "drizzle-orm/pglite";
import pg from "pg";
import { goalsOf, migrateAll, signUp } from "./accounts.ts";

const { DATABASE_URL } = process.env;
// In a database where the other examples have put our tables into `public`, the application's own are in `app`.
const options = "-c search_path=app";
const client =
  DATABASE_URL === undefined
    ? await PGlite.create()
    : // As pg requires: without a listener a lost connection ends the process.
      new pg.Pool({ connectionString: DATABASE_URL, options }).on("error", console.error);
const database = client instanceof pg.Pool ? drizzlePg(client) : drizzlePglite(client);

if (client instanceof pg.Pool) await client.query("create schema if not exists app");
await migrateAll(database);
const login = `jane-${crypto.randomUUID().slice(0, 8)}`;
await signUp(database, login, `${login}@example.com`);
// The login is taken, so there is no second user of ours either.
await signUp(database, login, `${login}.again@example.com`).catch(() =>
  console.log("Refused, and undone: a second Jane"),
);
console.log(`${login} has ${await goalsOf(database, login)} goal`);
await (client instanceof pg.Pool ? client.end() : client.close());

import { createDaoServices, type DaoServices, type GoalDto, joinDrizzle } from "@flux/dao-core";
import { tablesIn } from "@flux/dao-core/schema";
import { count, eq, sql } from "drizzle-orm";
import { type PgDatabase, type PgQueryResultHKT, pgTable, text, uuid } from "drizzle-orm/pg-core";

/** Where our tables are: `public` has a `users` table of the application's own. */
const schema = "flux";
const flux = tablesIn(schema);

/** The application's users, each of whom has one of ours. */
const users = pgTable("users", {
  login: text("login").primaryKey(),
  fluxUserId: uuid("flux_user_id")
    .notNull()
    .references(() => flux.users.id),
});

/** The application's Drizzle, on any driver, or a transaction of it. */
export type HostDatabase = PgDatabase<PgQueryResultHKT>;

function fluxIn(database: HostDatabase): DaoServices {
  return createDaoServices(joinDrizzle(database, { schema }));
}

/** Our migrations, and after them the application's own, whose table refers to one of ours. */
export async function migrateAll(database: HostDatabase): Promise<void> {
  await joinDrizzle(database, { schema }).migrate();
  await database.execute(sql`
    create table if not exists users (login text primary key, flux_user_id uuid not null references flux.users (id))`);
}

/** Signs a user up with the application and with us: both or neither. */
export function signUp(database: HostDatabase, login: string, email: string): Promise<GoalDto> {
  return database.transaction(async (transaction) => {
    const ours = fluxIn(transaction);
    const { id } = await ours.users.createUser({ name: login, email });
    const goal = await ours.goals.createGoal({ userId: id, title: "Find your way around" });
    await transaction.insert(users).values({ login, fluxUserId: id });
    return goal;
  });
}

/** How many goals a user has: one query over the application's table and ours. */
export async function goalsOf(database: HostDatabase, login: string): Promise<number> {
  const [row] = await database
    .select({ goals: count(flux.goals.id) })
    .from(users)
    .innerJoin(flux.goals, eq(flux.goals.userId, users.fluxUserId))
    .where(eq(users.login, login));
  return row?.goals ?? 0;
}

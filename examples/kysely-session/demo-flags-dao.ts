import type { DemoFlagsDao } from "@flux/dao-core";
import { entityRows, type RunCall } from "@flux/dao-core/engine";
import type { Db } from "./kysely-engine.ts";

const { demoFlags } = entityRows;

export function demoFlagsDao(run: RunCall<Db>): DemoFlagsDao {
  const byUser = (db: Db, userId: string) => db.selectFrom("demo_flags").selectAll().where("user_id", "=", userId);
  const read = (row: object | undefined) => (row === undefined ? null : demoFlags.read(row));
  return {
    findByUserId: (userId, options) => run(async (db) => read(await byUser(db, userId).executeTakeFirst()), options),
    lockByUserId: (userId, options) =>
      run(async (db) => read(await byUser(db, userId).forUpdate().executeTakeFirst()), options),
    put: (userId, flags, options) =>
      run(async (db) => {
        const values = demoFlags.insertion(flags, { userId });
        const row = await db
          .insertInto("demo_flags")
          .values(values)
          // One statement, so that any number of first ones at once succeed.
          .onConflict((conflict) => conflict.column("user_id").doUpdateSet(values))
          .returningAll()
          .executeTakeFirstOrThrow();
        return demoFlags.read(row);
      }, options),
    delete: (userId, options) =>
      run(async (db) => {
        const { numDeletedRows } = await db.deleteFrom("demo_flags").where("user_id", "=", userId).executeTakeFirst();
        return numDeletedRows > 0n;
      }, options),
  };
}

import type { IdempotencyKeyDao, IdempotencyRecord } from "@flux/dao-core";
import type { RunCall } from "@flux/dao-core/engine";
import { sql } from "kysely";
import type { Db } from "./kysely-engine.ts";

const isExpired = (lifetime: number) =>
  sql<boolean>`idempotency_keys.created_at < now() - ${lifetime}::double precision * interval '1 millisecond'`;

export function idempotencyKeyDao(run: RunCall<Db>): IdempotencyKeyDao {
  return {
    claim: ({ scope, key, fingerprint }, lifetime, options) =>
      run(async (db) => {
        // Waits for a concurrent insert of the same key; replaces an expired one.
        const claimed = await db
          .insertInto("idempotency_keys")
          .values({ scope, key, fingerprint })
          .onConflict((conflict) =>
            conflict
              .columns(["scope", "key"])
              .doUpdateSet({ fingerprint, result: null, created_at: sql`now()` })
              .where(isExpired(lifetime)),
          )
          .returning("key")
          .executeTakeFirst();
        if (claimed !== undefined) return null;
        const recorded = await db
          .selectFrom("idempotency_keys")
          .select(({ ref }) => [
            ref("fingerprint").$castTo<string>().as("fingerprint"),
            ref("result").$castTo<string | null>().as("result"),
          ])
          .where("scope", "=", scope)
          .where("key", "=", key)
          .executeTakeFirst();
        return (recorded satisfies IdempotencyRecord | undefined) ?? null;
      }, options),
    record: ({ scope, key }, result, options) =>
      run(async (db) => {
        await db
          .updateTable("idempotency_keys")
          .set({ result })
          .where("scope", "=", scope)
          .where("key", "=", key)
          .execute();
      }, options),
    deleteExpired: (lifetime, limit, options) =>
      run(async (db) => {
        const { numDeletedRows } = await db
          .with("expired", (cte) =>
            cte
              .selectFrom("idempotency_keys")
              .select(["scope", "key"])
              .where(isExpired(lifetime))
              .orderBy("created_at")
              .limit(limit)
              .forUpdate()
              .skipLocked(),
          )
          .deleteFrom("idempotency_keys")
          .using("expired")
          .whereRef("idempotency_keys.scope", "=", "expired.scope")
          .whereRef("idempotency_keys.key", "=", "expired.key")
          .executeTakeFirst();
        return Number(numDeletedRows);
      }, options),
  };
}

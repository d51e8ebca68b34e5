import { and, asc, eq, gte, sql } from "drizzle-orm";
import type { CallOptions } from "../contract/call-options.ts";
import { RetryableError } from "../contract/errors.ts";
import { MIN_INSTANT } from "../contract/fields/scalars.ts";
import type { IdempotencyKey, IdempotencyKeyDao, IdempotencyRecord } from "../session/database-session.ts";
import type { SchemaExecutor } from "../session/driver.ts";
import { one, param, prepared, queryBuilder, run, written } from "./statement/statement.ts";
import { idempotencyKeys } from "./statement/tables.ts";

const isThisKey = () => and(eq(idempotencyKeys.scope, param("scope")), eq(idempotencyKeys.key, param("key")));

const lifetime = sql`${sql.placeholder("lifetime")}::double precision`;

/** Written so that an index can be used. */
const isExpired = sql`${idempotencyKeys.createdAt} < now() - ${lifetime} * interval '1 millisecond'`;

/** The time of this insert. In DO UPDATE Citus takes immutable functions alone. */
const newCreatedAt = sql`excluded.created_at`;
const wasExpired = sql`1000 * extract(epoch from ${newCreatedAt} - ${idempotencyKeys.createdAt}) > ${lifetime}`;

/** Waits for a transaction that inserts the same key. An expired key is replaced. */
const claim = prepared("write", () =>
  queryBuilder
    .insert(idempotencyKeys)
    .values({ scope: param("scope"), key: param("key"), fingerprint: param("fingerprint") })
    .onConflictDoUpdate({
      target: [idempotencyKeys.scope, idempotencyKeys.key],
      set: { fingerprint: param("fingerprint"), result: null, createdAt: newCreatedAt },
      setWhere: wasExpired,
    })
    .returning(one),
);

const find = prepared("read", () =>
  queryBuilder
    .select({ fingerprint: idempotencyKeys.fingerprint, result: idempotencyKeys.result })
    .from(idempotencyKeys)
    .where(isThisKey()),
);

const record = prepared("write", () =>
  queryBuilder
    .update(idempotencyKeys)
    .set({ result: param("result") })
    .where(isThisKey()),
);

/** Milliseconds since 1970, of a batch before which all that has expired was deleted. */
const since = sql`to_timestamp(${sql.placeholder("since")}::double precision / 1000)`;
const lastDeleted = sql`floor(1000 * extract(epoch from max(created_at) - timestamptz '1970-01-01 00:00:00Z'))::bigint::text`;

/**
 * Skips keys that other transactions are deleting or claiming. Begins where the batch before it ended: deleted rows stay in the index
 * until a vacuum removes them, which any old snapshot prevents, and each batch would visit all.
 */
const deleteExpired = prepared("write", () => {
  const expired = queryBuilder.$with("expired").as(
    queryBuilder
      .select({ scope: idempotencyKeys.scope, key: idempotencyKeys.key })
      .from(idempotencyKeys)
      .where(and(isExpired, gte(idempotencyKeys.createdAt, since)))
      .orderBy(asc(idempotencyKeys.createdAt))
      .limit(sql.placeholder("limit"))
      .for("update", { skipLocked: true }),
  );
  const isOne = sql`(${idempotencyKeys.scope}, ${idempotencyKeys.key}) in (select scope, key from ${expired})`;
  const { createdAt } = idempotencyKeys;
  const deleted = queryBuilder.with(expired).delete(idempotencyKeys).where(isOne).returning({ createdAt });
  return written(
    sql`with deleted as (${deleted.getSQL()}) select count(*) as count, ${lastDeleted} as last from deleted`,
  );
});

const NOT_THERE =
  "The idempotency key was deleted meanwhile, or a trigger or rule on idempotency_keys kept it from being recorded. Run it again.";

/** Idempotency keys by SQL. */
export class SqlIdempotencyKeyDao implements IdempotencyKeyDao {
  readonly #executor: SchemaExecutor;

  constructor(executor: SchemaExecutor) {
    this.#executor = executor;
  }

  async claim(key: IdempotencyKey, lifetime: number, options?: CallOptions): Promise<IdempotencyRecord | null> {
    const claimed = await run(this.#executor, claim(), { ...key, lifetime }, options);
    if (claimed.rows.length > 0) return null;
    const { rows } = await run(this.#executor, find(), { ...key }, options);
    if (rows[0] === undefined) throw new RetryableError(NOT_THERE);
    const [fingerprint, result] = rows[0];
    return { fingerprint: String(fingerprint), result: typeof result === "string" ? result : null };
  }

  async record(key: IdempotencyKey, result: string, options?: CallOptions): Promise<void> {
    await run(this.#executor, record(), { ...key, result }, options);
  }

  async deleteExpired(lifetime: number, limit: number, options?: CallOptions): Promise<number> {
    let total = 0;
    for (let since = MIN_INSTANT.getTime(); ; ) {
      const { rows } = await run(this.#executor, deleteExpired(), { lifetime, limit, since }, options);
      const [count, last] = rows[0] ?? [];
      total += Number(count);
      if (Number(count) < limit) return total;
      since = Number(last);
    }
  }
}

import { eq } from "drizzle-orm";
import type { CallOptions } from "../contract/call-options.ts";
import type { DemoFlagsDto, DemoFlagsPutDto } from "../contract/demo-flags.ts";
import { demoFlags } from "../schema/demo-flags.ts";
import type { DemoFlagsDao } from "../session/daos.ts";
import type { SqlExecutor } from "../session/driver.ts";
import { rowMapper } from "./statement/row-mapper.ts";
import { given, lazily, lazilyShort, queryBuilder, run, type Statement } from "./statement/statement.ts";

const read = rowMapper<DemoFlagsDto>(demoFlags);

const selection = () =>
  queryBuilder
    .select()
    .from(demoFlags)
    .where(eq(demoFlags.userId, given("userId")));

const findByUserId = lazilyShort(selection);
const lockByUserId = lazily(() => selection().for("update"));

/** An upsert in one statement, so that any number of first ones at once succeed. */
const put = lazily(() => {
  const flags = { virtualNow: given("virtualNow"), escalationSpeed: given("escalationSpeed") };
  return queryBuilder
    .insert(demoFlags)
    .values({ userId: given("userId"), ...flags })
    .onConflictDoUpdate({ target: demoFlags.userId, set: flags })
    .returning();
});

const remove = lazily(() => queryBuilder.delete(demoFlags).where(eq(demoFlags.userId, given("userId"))));

/** Demo flags by SQL. */
export class SqlDemoFlagsDao implements DemoFlagsDao {
  readonly #executor: SqlExecutor;

  constructor(executor: SqlExecutor) {
    this.#executor = executor;
  }

  findByUserId(userId: string, options?: CallOptions): Promise<DemoFlagsDto | null> {
    return this.#find(findByUserId(), userId, options);
  }

  lockByUserId(userId: string, options?: CallOptions): Promise<DemoFlagsDto | null> {
    return this.#find(lockByUserId(), userId, options);
  }

  async put(userId: string, flags: DemoFlagsPutDto, options?: CallOptions): Promise<DemoFlagsDto> {
    const values = { userId, virtualNow: flags.virtualNow ?? null, escalationSpeed: flags.escalationSpeed ?? 1 };
    const { rows } = await run(this.#executor, put(), values, options);
    return read(rows[0] ?? []);
  }

  async delete(userId: string, options?: CallOptions): Promise<boolean> {
    const { count } = await run(this.#executor, remove(), { userId }, options);
    return count > 0;
  }

  async #find(statement: Statement, userId: string, options: CallOptions | undefined): Promise<DemoFlagsDto | null> {
    const { rows } = await run(this.#executor, statement, { userId }, options);
    return rows[0] === undefined ? null : read(rows[0]);
  }
}

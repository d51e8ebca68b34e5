import { eq, getTableColumns } from "drizzle-orm";
import type { CallOptions } from "../contract/call-options.ts";
import type { DemoFlagsDto, DemoFlagsPutDto } from "../contract/demo-flags.ts";
import type { DemoFlagsDao } from "../session/database-session.ts";
import type { SchemaExecutor } from "../session/driver.ts";
import { param, prepared, queryBuilder, rowMapper, run, type Statement } from "./statement/statement.ts";
import { demoFlags } from "./statement/tables.ts";
import { columnParam, resultColumns, returnedColumns } from "./statement/text-columns.ts";

const read = rowMapper<DemoFlagsDto>(demoFlags);

const results = resultColumns(getTableColumns(demoFlags));
const isUsers = eq(demoFlags.userId, param("userId"));

const selection = () => queryBuilder.select(results).from(demoFlags).where(isUsers);

const findByUserId = prepared("point", selection);
const lockByUserId = prepared("write", () => selection().for("update"));

/** An upsert in one statement, so that any number of concurrent first writes succeed. */
const put = prepared("write", () => {
  const virtualNow = columnParam(demoFlags.virtualNow, "virtualNow");
  const flags = { virtualNow, escalationSpeed: param("escalationSpeed") };
  return queryBuilder
    .insert(demoFlags)
    .values({ userId: param("userId"), ...flags })
    .onConflictDoUpdate({ target: demoFlags.userId, set: flags })
    .returning(returnedColumns(getTableColumns(demoFlags)));
});

const remove = prepared("write", () =>
  queryBuilder.delete(demoFlags).where(isUsers).returning({ userId: demoFlags.userId }),
);

/** Demo flags by SQL. */
export class SqlDemoFlagsDao implements DemoFlagsDao {
  readonly #executor: SchemaExecutor;

  constructor(executor: SchemaExecutor) {
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
    const { rows } = await run(this.#executor, remove(), { userId }, options);
    return rows.length > 0;
  }

  async #find(statement: Statement, userId: string, options: CallOptions | undefined): Promise<DemoFlagsDto | null> {
    const { rows } = await run(this.#executor, statement, { userId }, options);
    return rows[0] === undefined ? null : read(rows[0]);
  }
}

import { eq, getTableColumns } from "drizzle-orm";
import type { CallOptions } from "../contract/call-options.ts";
import type { DemoFlagsDto, DemoFlagsPutDto } from "../contract/demo-flags.ts";
import type { DemoFlagsDao } from "../session/database-session.ts";
import type { SchemaExecutor } from "../session/driver.ts";
import {
  param,
  prepared,
  queryBuilder,
  rowMapper,
  run,
  type Statement,
  type StatementValues,
} from "./statement/statement.ts";
import { demoFlags } from "./statement/tables.ts";
import { columnParam, resultColumns, returnedColumns } from "./statement/text-columns.ts";
import { raiseNoRow } from "./table-dao.ts";

const read = rowMapper<DemoFlagsDto>(demoFlags);

const results = resultColumns(getTableColumns(demoFlags));
const isUsers = eq(demoFlags.userId, param("userId"));

const selection = () => queryBuilder.select(results).from(demoFlags).where(isUsers);

const findByUserId = prepared("point", selection);
const lockByUserId = prepared("write", () => selection().for("update"));

const flagParams = () => ({
  virtualNow: columnParam(demoFlags.virtualNow, "virtualNow"),
  escalationSpeed: param("escalationSpeed"),
});
const insertion = () => queryBuilder.insert(demoFlags).values({ userId: param("userId"), ...flagParams() });
const returned = () => returnedColumns(getTableColumns(demoFlags));

const create = prepared("write", () =>
  insertion().onConflictDoNothing({ target: demoFlags.userId }).returning(returned()),
);

/** An upsert in one statement, so that any number of concurrent first writes succeed. */
const put = prepared("write", () =>
  insertion().onConflictDoUpdate({ target: demoFlags.userId, set: flagParams() }).returning(returned()),
);

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
    return this.#run(findByUserId(), { userId }, options);
  }

  lockByUserId(userId: string, options?: CallOptions): Promise<DemoFlagsDto | null> {
    return this.#run(lockByUserId(), { userId }, options);
  }

  create(userId: string, flags: DemoFlagsPutDto, options?: CallOptions): Promise<DemoFlagsDto | null> {
    return this.#run(create(), valuesOf(userId, flags), options);
  }

  async put(userId: string, flags: DemoFlagsPutDto, options?: CallOptions): Promise<DemoFlagsDto> {
    const { rows } = await run(this.#executor, put(), valuesOf(userId, flags), options);
    return read(rows[0] ?? raiseNoRow());
  }

  async delete(userId: string, options?: CallOptions): Promise<boolean> {
    const { rows } = await run(this.#executor, remove(), { userId }, options);
    return rows.length > 0;
  }

  async #run(statement: Statement, values: StatementValues, options?: CallOptions): Promise<DemoFlagsDto | null> {
    const { rows } = await run(this.#executor, statement, values, options);
    return rows[0] === undefined ? null : read(rows[0]);
  }
}

function valuesOf(userId: string, { virtualNow = null, escalationSpeed = 1 }: DemoFlagsPutDto): StatementValues {
  return { userId, virtualNow, escalationSpeed };
}

import { type SQL, sql } from "drizzle-orm";
import { type PgColumn, PgJsonb } from "drizzle-orm/pg-core";
import type { CallOptions } from "../../contract/call-options.ts";
import { RetryableError } from "../../contract/errors.ts";
import { literal } from "../../schema/columns.ts";
import type { SchemaExecutor } from "../../session/driver.ts";
import { MOST_PARTS, PART_CHARACTERS, WHOLE_VALUE_BYTES } from "../../session/limits.ts";
import { type LongValue, longValue } from "../../session/piece-reads.ts";
import { compile, param, prepared, run, type Statement, StatementCache, written } from "../statement/statement.ts";
import { resultValue } from "../statement/text-columns.ts";
import { isUnbounded } from "./guarded-rows.ts";
import type { EntityRows } from "./list-statements.ts";

const text = (column: PgColumn): SQL => (column instanceof PgJsonb ? sql`${column}::text` : sql`${column}`);
const named = (name: string): SQL => sql`${sql.identifier(name)}`;

/** Reads rows of one table that are too long to read at once. */
export function longRows<Dto extends object>(entity: EntityRows<Dto>) {
  const fields = Object.entries(entity.columns);
  const parts = new StatementCache();
  /** The short values of a row, the lengths of its long ones in characters, and PostgreSQL's version of the row (`xmin`). */
  const outline = prepared("read", () => {
    const isLong = (value: SQL) => sql`octet_length(${value}) > ${literal(WHOLE_VALUE_BYTES)}`;
    const columns = fields.map(([, column]) => column);
    const texts = columns.map((column) =>
      isUnbounded(column) ? sql`${text(column)} as ${named(column.name)}` : sql`${column}`,
    );
    const contents = fields.map(([name, column]) => {
      const value = named(column.name);
      const content = isUnbounded(column) ? sql`case when not ${isLong(value)} then ${value} end` : value;
      return sql`${resultValue(column, content)} as ${named(name)}`;
    });
    const lengths = fields.map(([name, column]) => {
      const value = named(column.name);
      const length = isUnbounded(column)
        ? sql`case when ${isLong(value)} then char_length(${value}) end`
        : sql`null::int`;
      return sql`${length} as ${named(`${name}Length`)}`;
    });
    const jsons = columns.filter((column) => column instanceof PgJsonb);
    const hasString = sql.join(
      [sql`false`, ...jsons.map((column) => sql`jsonb_typeof(${column}) = 'string'`)],
      sql` or `,
    );
    return written(
      sql`select ${sql.join([...contents, ...lengths], sql`, `)}, row_version, has_string from (
        select ${sql.join(texts, sql`, `)}, xmin::text as row_version, ${hasString} as has_string
        from ${entity.table} where id = ${param("id")} offset 0) texts`,
    );
  });

  return { find };

  /** The row with {@link LongValue}s; `null` if deleted; `undefined` if an array is stored as a string, to be read whole. */
  async function find(executor: SchemaExecutor, id: string, options?: CallOptions): Promise<Dto | null | undefined> {
    const { rows } = await run(executor, outline(), { id }, options);
    const row = rows[0];
    if (row === undefined) return null;
    const count = fields.length;
    const [version, hasString] = row.slice(2 * count);
    if (hasString === true) return undefined;
    // JSON is not parsed, which would take time and several times its size.
    const dto = entity.read(row.map((value, index) => (isJson(index) ? null : value)));
    for (const [index, [name, column]] of fields.entries()) {
      const [value, length] = [row[index], row[count + index]];
      if (length !== null)
        Reflect.set(dto, name, toLongValue(executor, { id, version }, column, Number(length), options));
      else if (isJson(index) && value !== "null") Reflect.set(dto, name, inOnePart(String(value)));
    }
    return dto;
  }

  function isJson(index: number): boolean {
    return fields[index]?.[1] instanceof PgJsonb;
  }

  function toLongValue(
    executor: SchemaExecutor,
    row: { readonly id: string; readonly version: unknown },
    column: PgColumn,
    length: number,
    options: CallOptions | undefined,
  ): LongValue {
    const statement = partOf(column);
    const partLength = Math.max(PART_CHARACTERS, Math.ceil(length / MOST_PARTS));
    async function* read(): AsyncGenerator<string, void, undefined> {
      for (let start = 1; start <= length; start += partLength) {
        const { rows } = await run(executor, statement, { ...row, start, count: partLength }, options);
        const part = rows[0]?.[0];
        if (typeof part !== "string") throw new RetryableError("The row changed while it was read. Read it again.");
        yield part;
      }
    }
    return longValue({
      isJson: column instanceof PgJsonb,
      text: undefined,
      partLength: Math.min(partLength, length),
      parts: read(),
    });
  }

  function partOf(column: PgColumn): Statement {
    const part = sql`substr(${text(column)}, ${param("start")}::int, ${param("count")}::int)`;
    const isRow = sql`id = ${param("id")} and xmin::text = ${param("version")}`;
    return parts.get(column.name, () =>
      compile("read", written(sql`select ${part} from ${entity.table} where ${isRow}`)),
    );
  }
}

function inOnePart(json: string): LongValue {
  async function* parts(): AsyncGenerator<string, void, undefined> {
    yield json;
  }
  return longValue({ isJson: true, text: json, partLength: json.length, parts: parts() });
}

import type { SqlDriver, SqlParameter, SqlResult, SqlTransaction } from "@flux/dao-core";

/** A statement as a DAO sent it. */
export interface RecordedStatement {
  readonly text: string;
  readonly parameters: readonly SqlParameter[];
}

/** The result row of every statement: a creation time, and NULLs for all other columns. */
const row: readonly unknown[] = ["2026-02-15 10:00:00+00", ...Array.from({ length: 20 }, () => null)];

/**
 * Executes nothing and returns the same row for everything, more of them than a page for a list, so that the statements of a DAO can
 * be inspected without a database.
 */
export class RecordingDriver implements SqlDriver {
  readonly description = "a recorder";
  readonly isTransaction = false;
  readonly #statements: RecordedStatement[] = [];

  async execute(text: string, parameters: readonly SqlParameter[]): Promise<SqlResult> {
    this.#statements.push({ text, parameters });
    if (text.startsWith("select count(*) as")) return { rows: [[1]] };
    // More than a page, whose total is counted then.
    if (text.includes(" limit ")) return { rows: Array(101).fill(row) };
    if (text.startsWith('with "new_goal"')) return { rows: [[row[0], countNewIds(parameters)]] };
    if (!text.startsWith("with written as")) return { rows: [row] };
    // Rows that are written together are passed as an array for each column, of ids first, and are counted.
    const [ids] = parameters;
    return { rows: [[typeof ids === "string" ? ids.split(",").length : 1]] };
  }

  transaction<Result>(_work: (transaction: SqlTransaction) => Promise<Result>): Promise<Result> {
    return Promise.reject(new Error("A RecordingDriver has no transactions."));
  }

  async close(): Promise<void> {}

  /** The statements that `call` executes. */
  async recordAll(call: () => Promise<unknown>): Promise<RecordedStatement[]> {
    this.#statements.length = 0;
    await call();
    return [...this.#statements];
  }
}

const uuid = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;

/** The rows of a goal's structure besides the goal: the ids in its arrays, without those of the goal and the user. */
function countNewIds(parameters: readonly SqlParameter[]): number {
  const texts = parameters.filter((parameter) => typeof parameter === "string");
  const ids = texts.filter((text) => text.startsWith("{")).flatMap((text) => text.match(uuid) ?? []);
  return new Set(ids.filter((id) => !texts.includes(id))).size;
}

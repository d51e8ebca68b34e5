import { textLiteral } from "../../schema/schema-name.ts";
import type { SqlParameter } from "../../session/driver.ts";

/** Half of the statements that a connection keeps prepared; a plan uses up to 0.3 MiB of the server's memory. */
const GENERATION = 128;

/**
 * In SQL, the names that postgres.js and the driver for `pg` give. A pooler that keeps track of prepared statements gives its own
 * (`PGBOUNCER_7`), shares them among its clients, and would not learn that one is gone.
 */
const IS_OURS = "name ~ '^(flux_|[0-9a-z]+$)'";

/** Evicted statements after which a connection is replaced: postgres.js keeps the text and the columns of each, about 4 KiB. */
const LONGEST_HISTORY = 2 * GENERATION;

/**
 * The statements that one connection has prepared: at most 256, of which the least recently used are evicted (two generations, so
 * that a use costs one look-up). Callers cause any number of statements: one for each set of columns in a PATCH.
 *
 * postgres.js cannot deallocate a statement, and would continue to use one that was deallocated behind its back. So a statement
 * is deallocated by its text, and sent with a different text when it is used again.
 */
export class PreparedStatements {
  #recent = new Map<string, string>();
  #older = new Map<string, string>();
  #evicted: string[] = [];
  #evictions = 0;
  readonly #generation: number;

  /** @param generation statements of another one have another text: a pooler that tracks them would reuse the plan of the same */
  constructor(generation = 0) {
    this.#generation = generation;
  }

  /** Whether there are statements to deallocate. */
  get hasEvicted(): boolean {
    return this.#evicted.length > 0;
  }

  /** Whether the connection should be replaced. */
  get isWornOut(): boolean {
    return this.#evictions >= LONGEST_HISTORY;
  }

  /** The text under which `text` is prepared; `undefined` if it is not. */
  find(text: string): string | undefined {
    const recent = this.#recent.get(text);
    if (recent !== undefined) return recent;
    const older = this.#older.get(text);
    if (older === undefined) return undefined;
    this.#older.delete(text);
    return this.#keep(text, older);
  }

  /** The text under which to prepare `text`. */
  add(text: string): string {
    const isFirst = this.#generation === 0 && this.#evictions === 0;
    return this.#keep(text, isFirst ? text : `${text} --${this.#generation}.${this.#evictions}`);
  }

  /** The script that deallocates the statements evicted since the last one; run it outside of transactions. */
  deallocation(): string {
    const texts = this.#evicted.map(textLiteral);
    this.#evicted = [];
    // Not between dollars: a statement names its schema, which may be called anything.
    return `do ${textLiteral(`declare evicted text; begin
  for evicted in select name from pg_prepared_statements where ${IS_OURS} and statement in (${texts.join(", ")}) loop
    execute format('deallocate %I', evicted);
  end loop;
end`)}`;
  }

  #keep(text: string, sent: string): string {
    this.#recent.set(text, sent);
    if (this.#recent.size >= GENERATION) {
      this.#evictions += this.#older.size;
      this.#evicted.push(...this.#older.values());
      this.#older = this.#recent;
      this.#recent = new Map();
    }
    return sent;
  }
}

/**
 * Internals of postgres.js 3.4 that this relies on; each has a test in dao-core/test/postgres-js.test.ts. docs/decisions.md says
 * why. Everything else is its public API.
 */

/** Thrown to keep a statement from being sent a second time. */
class ResendError extends Error {}

/**
 * The parameters of a statement that may be sent once. postgres.js sends a prepared statement that the server has rejected
 * (0A000, 26000) again, after the pipelined ones, and then assigns results to the wrong statements. It reads the parameters with
 * `forEach` each time it sends: an error thrown there prevents that, and rejects the statement. An array of a class of its own would
 * cost a query 2 % of its time.
 */
export function sentOnce(parameters: readonly SqlParameter[]): SqlParameter[] {
  const once = [...parameters];
  once.forEach = readOnce;
  return once;
}

function readOnce(
  this: SqlParameter[],
  use: (parameter: SqlParameter, index: number, all: SqlParameter[]) => void,
): void {
  this.forEach = refuse;
  let index = 0;
  for (const parameter of this) use(parameter, index++, this);
}

function refuse(): never {
  throw new ResendError("The server has refused the prepared statement.");
}

/** Whether `error` is what {@link sentOnce} has thrown. */
export function isResendError(error: unknown): boolean {
  return error instanceof ResendError;
}

/** The server's error that made postgres.js send the query again. */
export function refusalOf(query: PromiseLike<unknown>): unknown {
  return Reflect.get(query, "retried");
}

/**
 * Sends an unprepared statement in one round trip. postgres.js would first query the types of its parameters, and send nothing
 * else until it knows them. Ours are text, numbers and booleans, whose types the server infers.
 */
export function sendAtOnce(query: PromiseLike<unknown>): void {
  Object.defineProperty(query, "describeFirst", { get: () => false, set: () => undefined });
}

/**
 * Sends a query at once, and settles as it does. With `await`, postgres.js sends it in a later microtask, and five promises more are
 * made, for each of which Node 20 and 22 call hooks while `AsyncLocalStorage` is in use. (A `then` set on a query would make V8 give up
 * its fast path for all promises.)
 */
export function resultOf<Result, Used = Result>(
  query: PromiseLike<Result>,
  use?: (result: Result) => Used,
  failed?: (error: unknown) => never,
): Promise<Used> {
  Reflect.set(query, "executed", true);
  Reflect.get(query, "handler")(query);
  return Reflect.apply(Promise.prototype.then, query, [use, failed]);
}

/** Whether postgres.js has passed the query to its connection; before that it has no state. */
export function isSent(query: PromiseLike<unknown>): boolean {
  return Boolean(Reflect.get(query, "state"));
}

/** Whether the server had prepared the query's statement before postgres.js sent it. */
export function wasPrepared(query: PromiseLike<unknown>): boolean {
  return Boolean(Reflect.get(query, "prepared"));
}

/**
 * The rows of a result. If the statement before it failed after its first rows, postgres.js leaves that many places empty before those
 * of the next one (porsager/postgres #1181).
 */
export function withoutGap<Row>(rows: Row[]): Row[];
export function withoutGap<Row>(rows: readonly Row[]): readonly Row[];
export function withoutGap<Row>(rows: readonly Row[]): readonly Row[] {
  return 0 in rows ? rows : rows.filter(() => true);
}

import type { SqlParameter } from "../../session/driver.ts";

/** Half of the statements that a connection keeps prepared; a plan takes up to 0.3 MiB of the server's memory. */
const GENERATION = 128;

/** Evicted statements after which a connection is worn out: postgres.js remembers the text of each for as long as it lives. */
const LONGEST_HISTORY = 40 * GENERATION;

/**
 * Which statements one connection has prepared: 256 at most, the least recently used are let go (two generations, so that a
 * use costs one look-up). A caller may make any number of statements: there is one for each set of columns in a PATCH.
 *
 * postgres.js cannot deallocate a statement, and would go on using one that was deallocated beneath it. So the statement is
 * deallocated by its text, and sent under another text when it is used again.
 */
export class PreparedStatements {
  #recent = new Map<string, string>();
  #older = new Map<string, string>();
  #evicted: string[] = [];
  #evictions = 0;

  /** Whether there are statements to deallocate. */
  get hasEvicted(): boolean {
    return this.#evicted.length > 0;
  }

  /** Whether the connection should be replaced. */
  get isWornOut(): boolean {
    return this.#evictions > LONGEST_HISTORY;
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
    return this.#keep(text, this.#evictions === 0 ? text : `${text} --${this.#evictions}`);
  }

  /** The script that deallocates the statements evicted since the last one; run it outside of transactions. */
  deallocation(): string {
    const texts = this.#evicted.map((text) => `'${text.replaceAll("'", "''")}'`);
    this.#evicted = [];
    return `do $flux_dao$ declare evicted text; begin
  for evicted in select name from pg_prepared_statements where statement in (${texts.join(", ")}) loop
    execute format('deallocate %I', evicted);
  end loop;
end $flux_dao$`;
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
 * What of the inside of postgres.js 3.4 is relied on; each has a test in test/postgres-js.test.ts, and docs/decisions.md says
 * why. Everything else that is used of it is public.
 */

/** Thrown to keep a statement from being sent a second time. */
class ResendError extends Error {}

/**
 * The parameters of a statement that may be sent once. postgres.js sends a prepared statement that the server has refused
 * (0A000, 26000) again, behind those that are pipelined already, and from then on gives each the result of another. It reads the
 * parameters with `forEach` each time it sends: what is thrown then keeps the statement from being sent, and rejects it.
 */
export class SentOnce extends Array<SqlParameter> {
  #isSent = false;

  /** A copy: postgres.js writes into the array. */
  static copy(parameters: readonly SqlParameter[]): SentOnce {
    const copied = new SentOnce(parameters.length);
    for (let index = 0; index < parameters.length; index++) copied[index] = parameters[index] ?? null;
    return copied;
  }

  override forEach(use: (value: SqlParameter, index: number, parameters: SqlParameter[]) => void): void {
    if (this.#isSent) throw new ResendError("The server has refused the prepared statement.");
    this.#isSent = true;
    super.forEach(use);
  }
}

/** Whether `error` is what {@link SentOnce} has thrown. */
export function isResendError(error: unknown): boolean {
  return error instanceof ResendError;
}

/** The server's error that made postgres.js send the query again. */
export function refusalOf(query: PromiseLike<unknown>): unknown {
  return Reflect.get(query, "retried");
}

/**
 * Has an unprepared statement sent in one round trip. postgres.js would first ask the server for the types of its parameters, and
 * send nothing else until it knows them. Ours are text, numbers and booleans, whose types the server infers.
 */
export function sendAtOnce(query: PromiseLike<unknown>): void {
  Object.defineProperty(query, "describeFirst", { get: () => false, set: () => undefined });
}

/** Whether postgres.js has given a query to its connection; until then it has no state. */
export function isSent(query: PromiseLike<unknown>): boolean {
  return Boolean(Reflect.get(query, "state"));
}

/** Whether the server had prepared the query's statement before postgres.js sent it. */
export function wasPrepared(query: PromiseLike<unknown>): boolean {
  return Boolean(Reflect.get(query, "prepared"));
}

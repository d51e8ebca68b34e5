import type { CallOptions, StreamOptions } from "../contract/call-options.ts";
import { type ChangeDto, type ChangePage, MAX_CHANGES } from "../contract/change.ts";
import { ChangesDisabledError, CursorExpiredError, RetryableError, UnavailableError } from "../contract/errors.ts";
import type { SchemaName } from "../schema/schema-name.ts";
import type { ChangeFeed, ChangesToFollow, ChangesToList } from "../session/database-session.ts";
import type { SchemaExecutor, SqlExecutor, SqlParameter, SqlRow } from "../session/driver.ts";
import { withRetries } from "../session/executor.ts";
import { CHANGES_PATIENCE, DELETE_BATCH } from "../session/limits.ts";
import { databaseErrorFacts, toDaoError } from "../session/postgres-errors.ts";
import { throwIfAborted, withDeadline } from "../session/waiting/deadline.ts";
import { ChangeTail } from "./change-tail.ts";

/** The ends of the feeds of a database, by schema, which all its sessions share. */
export class ChangeTails {
  isClosed = false;
  readonly #bySchema = new Map<string, ChangeTail>();

  of({ name }: SchemaName, read: (cursor: string) => Promise<ChangePage>): ChangeTail {
    const tail = this.#bySchema.get(name) ?? new ChangeTail(read);
    this.#bySchema.set(name, tail);
    return tail;
  }

  /** Ends all followers. */
  close(): void {
    this.isClosed = true;
    for (const tail of this.#bySchema.values()) tail.wake();
  }
}

export interface ChangeSettings {
  readonly tails: ChangeTails;
  /** Milliseconds for which changes are kept. */
  readonly retention: number;
  /** Whether positions are given by others: a standby cannot. */
  readonly isReadOnly: boolean;
}

/**
 * The change feed of a schema, by the functions that `migrate({ changes: true })` creates.
 * @param driver for what is no caller's statement, so neither traced nor reported: looking for changes, and deleting expired ones
 */
export function sqlChangeFeed(executor: SchemaExecutor, driver: SqlExecutor, settings: ChangeSettings): ChangeFeed {
  const { schema } = executor;
  const { tails, retention, isReadOnly } = settings;
  const all = { entity: undefined, userId: undefined, limit: MAX_CHANGES };
  const tail = tails.of(schema, (cursor) => patiently(() => readPage({ ...all, cursor }, {}, driver)));
  const readText = `select upto::text as upto, to_hex(upto_token) as upto_token, has_more as has_more, head::text as head,
    place::text as place, to_hex(token) as token, entity as entity, operation as operation, id::text as id,
    user_id::text as user_id, goal_id::text as goal_id, floor(extract(epoch from changed_at) * 1000)::bigint::text as changed_at
    from ${schema.qualified("flux_dao_read_changes")}(
      $1::text::bigint, ('x' || lpad($2::text, 16, '0'))::bit(64)::bigint, $3::text, $4::text::uuid, $5::integer, $6::boolean)`;
  return { list, follow, deleteExpired };

  function list(request: ChangesToList, options: CallOptions = {}): Promise<ChangePage> {
    return withDeadline(options, async (bounded) => {
      // Where the database's default isolation is above READ COMMITTED, readers and writers conflict often.
      const policy = { retries: Number.POSITIVE_INFINITY, within: CHANGES_PATIENCE, isRetryable: isConflict };
      const read = () => withRetries(policy, () => readPage(request, bounded), bounded.signal);
      let page = await read();
      // Whatever is committed by now comes before the cursor.
      while (request.cursor === "now" && page.hasNext) page = await read();
      return page;
    });
  }

  async function* follow(
    request: ChangesToFollow,
    { onCursor, ...options }: StreamOptions = {},
  ): AsyncGenerator<ChangeDto> {
    const { entity, userId } = request;
    let cursor = request.cursor;
    let ahead: ChangePage | undefined;
    const wasClosed = tails.isClosed;
    try {
      do {
        const next = { entity, userId, limit: MAX_CHANGES, cursor };
        const page = ahead ?? (await patiently(() => list(next, options), options.signal));
        for (const change of page.items) {
          throwIfAborted(options.signal);
          if (isOf(change, request)) yield change;
        }
        const hasMoved = cursor !== page.nextCursor;
        if (hasMoved) onCursor?.(page.nextCursor);
        cursor = page.nextCursor;
        const isEnd = !page.hasNext && !tails.isClosed;
        ahead = isEnd ? await tail.after(cursor, options.signal, isReadOnly && !hasMoved) : undefined;
      } while (!tails.isClosed);
    } catch (error) {
      // The statement that was running when the database was closed.
      if (wasClosed || !tails.isClosed || options.signal?.aborted === true) throw error;
    }
  }

  async function deleteExpired(options?: CallOptions): Promise<number> {
    const feed = schema.qualified("flux_dao_change_feed");
    const [[found] = []] = await run(driver, FIND_FEED, [feed], options);
    if (found === null) return 0;
    let total = 0;
    while ((await count("flux_dao_position_changes", [DELETE_BATCH], options)) === DELETE_BATCH);
    for (;;) {
      const deleted = await count("flux_dao_prune_changes", [retention, DELETE_BATCH], options);
      total += deleted;
      if (deleted < DELETE_BATCH) return total;
    }
  }

  async function readPage(
    { cursor, entity, userId, limit }: ChangesToList,
    options?: CallOptions,
    on: SqlExecutor = executor,
  ): Promise<ChangePage> {
    const [position, token] = cursor === "now" ? [null, null] : cursor === "start" ? ["-1", null] : cursor.split("-");
    const parameters = [position ?? null, token ?? null, entity ?? null, userId ?? null, limit, !isReadOnly];
    const kind = isReadOnly ? "read" : "write";
    const rows = await run(on, readText, parameters, { ...options, kind });
    const [upto, uptoToken, hasNext, head] = rows[0] ?? [];
    if (typeof upto === "string") {
      const items = rows.filter((row) => row[4] !== null).map(toChange);
      if (hasNext === null && items.length === 0) await checkLock(options);
      // What is committed by now must come before it.
      if (hasNext === null && cursor === "now") throw new RetryableError(BEING_READ);
      return { items, nextCursor: `${upto}-${uptoToken}`, hasNext: hasNext === true };
    }
    // A standby that has not replayed the position yet.
    if (isReadOnly && Number(position) > Number(head)) return { items: [], nextCursor: cursor, hasNext: false };
    throw new CursorExpiredError();
  }

  /**
   * Waits out a lost connection, a restart or a failover of the database.
   * @throws what it throws, once that has taken too long
   */
  function patiently<Result>(read: () => Promise<Result>, signal?: AbortSignal): Promise<Result> {
    const isPassing = (error: unknown) => error instanceof UnavailableError || isConflict(error);
    const isRetryable = (error: unknown) => isPassing(error) && !tails.isClosed;
    return withRetries({ retries: Number.POSITIVE_INFINITY, within: CHANGES_PATIENCE, isRetryable }, read, signal);
  }

  /**
   * A reader that finds the head locked leaves it to the holder to give positions, which takes milliseconds.
   * @throws UnavailableError if one transaction has it locked for too long
   */
  async function checkLock(options?: CallOptions): Promise<void> {
    const text = `select f.xmax::text as holder, (select a.pid::text from pg_stat_activity a where a.backend_xid = f.xmax) as pid
      from ${schema.qualified("flux_dao_change_feed")} f`;
    const [[holder, pid] = []] = await run(driver, text, [], { ...options, kind: "read" });
    const now = performance.now();
    const { lock = { holder: "", since: now } } = tail;
    if (lock.holder !== holder) tail.lock = { holder: String(holder), since: now };
    // "0" is nobody, by now.
    if (lock.holder !== holder || holder === "0" || now - lock.since < CHANGES_PATIENCE) return;
    const session = pid === null ? "another session" : `the session with the process id ${pid}`;
    throw new UnavailableError(
      `The change feed of the schema ${schema.name} cannot go on: a transaction of ${session} has locked its head for more than ` +
        `${CHANGES_PATIENCE / 1_000} s. Commit it, or end that session.`,
    );
  }

  async function count(name: string, parameters: readonly SqlParameter[], options?: CallOptions): Promise<number> {
    const places = parameters.map((_, index) => `$${index + 1}`).join(", ");
    const text = `select ${schema.qualified(name)}(${places}) as count`;
    const rows = await run(driver, text, parameters, options);
    return Number(rows[0]?.[0]);
  }

  async function run(on: SqlExecutor, ...statement: Parameters<SqlExecutor["execute"]>): Promise<readonly SqlRow[]> {
    const { rows } = await on.execute(...statement).catch((cause: unknown) => {
      // There are no such functions or tables, or there is no such schema.
      const isDisabled = /^(?:42883|42P01|3F000)$/.test(databaseErrorFacts(cause)?.code ?? "");
      throw isDisabled ? new ChangesDisabledError(schema.name, { cause }) : toDaoError(cause);
    });
    if (rows.length === 0) throw new ChangesDisabledError(schema.name);
    return rows;
  }
}

/** Asked, over tried: the server would log an error every hour. */
const FIND_FEED = "select to_regclass($1::text)::text as feed";

const BEING_READ = "Another session is giving positions to changes. Try again.";

const isConflict = (error: unknown) => error instanceof RetryableError;

function toChange([, , , , position, token, entity, operation, id, userId, goalId, changedAt]: SqlRow): ChangeDto {
  const change = { cursor: `${position}-${token}`, entity, operation, id, userId, goalId };
  return { ...change, changedAt: new Date(Number(changedAt)) } as ChangeDto;
}

/** What a page of all changes has of those that were asked for. */
function isOf(change: ChangeDto, { entity, userId }: ChangesToFollow): boolean {
  const isUsers = userId === undefined || change.userId === userId || change.operation === "resync";
  return isUsers && (entity === undefined || change.entity === entity);
}

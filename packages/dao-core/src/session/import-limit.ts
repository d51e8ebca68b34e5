import { UnavailableError, UnitOfWorkMisuseError } from "../contract/errors.ts";
import { DEFAULT_ACQUIRE_TIMEOUT, DEFAULT_MAX_WAITING } from "./limits.ts";
import { WorkContexts } from "./transaction/transaction-context.ts";
import { closedError, WaitingLine } from "./waiting/waiting-line.ts";

interface RunningImport {
  readonly limit: ImportLimit;
  isRunning: boolean;
}

/** The import in whose source the caller runs, and those on other pools whose sources started it. */
const contexts = new WorkContexts<readonly RunningImport[]>();

/** Those of our own pool. */
const DEFAULTS = { acquireTimeout: DEFAULT_ACQUIRE_TIMEOUT, maxWaiting: DEFAULT_MAX_WAITING };

/** The imports on a pool of this size at a time. */
export const quarterOf = (poolSize: number) => Math.max(1, Math.floor(poolSize / 4));

/**
 * Limits the imports on one pool, by default to a quarter of its connections: each holds a connection for as long as its source
 * takes, so slow ones would leave none for other calls. The others wait in order, their sources unread.
 */
export class ImportLimit {
  readonly #limit: () => number;
  readonly #acquireTimeout: number;
  readonly #line: WaitingLine<"import", void>;
  #running = 0;
  #isClosed = false;

  /** @param limit how many may run at a time now */
  constructor(limit: () => number, { acquireTimeout, maxWaiting } = DEFAULTS) {
    this.#limit = limit;
    this.#acquireTimeout = acquireTimeout;
    this.#line = new WaitingLine(maxWaiting, "imports wait");
  }

  /** Runs `work` in its turn. @throws UnavailableError; UnitOfWorkMisuseError within another's source; an abort's reason */
  async run<Result>(work: () => Promise<Result>, signal?: AbortSignal): Promise<Result> {
    if (this.#isClosed) throw closedError();
    // Without finished ones, which would be kept in memory.
    const outer = (contexts.current ?? []).filter(({ isRunning }) => isRunning);
    // Two that wait for each other would both wait until the time-out.
    if (outer.some(({ limit }) => limit === this)) throw new UnitOfWorkMisuseError(NESTED);
    // The pool may have grown since the last import ended. If there is room after this, no import waits.
    this.#admitWaiting();
    if (this.#running < this.#limit()) this.#running++;
    else await this.#wait(signal);
    const running: RunningImport = { limit: this, isRunning: true };
    try {
      return await contexts.run([...outer, running], work);
    } finally {
      running.isRunning = false;
      contexts.left();
      this.#running--;
      this.#admitWaiting();
    }
  }

  /** Rejects waiting and later imports. Running imports end with their connections. */
  close(): void {
    this.#isClosed = true;
    this.#line.refuseAll(closedError());
  }

  #wait(signal: AbortSignal | undefined): Promise<void> {
    // Counted on admission: the waiter continues, in its own context, only in a later microtask.
    const enter = async () => {
      this.#running++;
    };
    return this.#line.wait("import", enter, this.#acquireTimeout, () => this.#timeOut(), signal);
  }

  #timeOut(): UnavailableError {
    const running = this.#running === 1 ? "1 import runs" : `${this.#running} imports run`;
    return new UnavailableError(
      `${running} already, which is as many as may at a time (by default a quarter of the pool), and the turn of this one has not come within ` +
        `${this.#acquireTimeout} ms. Try again later, give imports a timeout, or raise maxImports or poolSize.`,
    );
  }

  #admitWaiting(): void {
    while (this.#line.waiting.length > 0 && this.#running < this.#limit()) this.#line.waiting[0]?.admit();
  }
}

const shared = new WeakMap<object, ImportLimit>();

/** The limit of an application's pool, shared by all databases on it; one import at a time if the pool's size is unknown. */
export function importLimitOf(pool: object, size?: number): ImportLimit {
  const limit = shared.get(pool) ?? new ImportLimit(() => quarterOf(size ?? sizeOf(pool)));
  shared.set(pool, limit);
  return limit;
}

function sizeOf(pool: object): number {
  const max: unknown = Reflect.get(Object(Reflect.get(pool, "options")), "max");
  return typeof max === "number" ? max : 1;
}

const NESTED =
  "The source of an import begins another here, and would wait for a turn that may come only when its own import has " +
  "ended. Do one after the other, or give the inner one its tasks in an array of up to 1,000.";

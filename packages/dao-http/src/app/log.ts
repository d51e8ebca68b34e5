import { isDaoError } from "@flux/dao-core/errors";
import { type DestinationStream, pino } from "pino";
import { HttpError } from "../http/problem.ts";
import { LOG_BATCH, LOG_BATCH_LINES, LOG_FLUSH_INTERVAL, LOG_MEMORY, SHARED_LOG_BATCH } from "../wire/limits.ts";
import { isError } from "../wire/realms.ts";

/** From most to least verbose. */
export const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;

export type LogLevel = (typeof LOG_LEVELS)[number];

/** A logger, such as pino and most others. */
export interface Logger {
  /** Without it the lines of probes are omitted. */
  debug?(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** The log line of a request. Never contains its key, query or body. */
export interface RequestLogEntry {
  /** `null` for bytes that are not a request. */
  readonly method: string | null;
  /** The path's template, such as `/api/v1/tasks/{task_id}`; `null` if no route was found. */
  readonly path: string | null;
  readonly status: number;
  /** Milliseconds from the request's head to the response, to the microsecond. */
  readonly ms: number;
  readonly request_id: string;
  /** The name of the caller's key; `null` for none. */
  readonly caller: string | null;
  /** The schema that the caller's key is bound to, if any. */
  readonly schema?: string;
  /** Present if the standby was read, not the primary. */
  readonly read_from?: "standby";
  /** Of the request's span, if it has one. */
  readonly trace_id?: string;
  readonly span_id?: string;
}

/** What a log line has besides the request's entry. */
interface LineDetails {
  readonly detail?: string;
  readonly err?: object;
}

/** What a log that is kept does not have, since it may name rows and repeat the caller's words. */
interface RequestWords {
  /** As sent, without the query. */
  readonly path?: string | undefined;
  /** The `detail` of the problem that was returned. */
  readonly detail?: string | undefined;
}

/** The name of the method that only our own loggers have. */
export const REQUEST_LINE = Symbol("request line");

/** A logger with lines of its own for requests. */
export interface RequestLogger extends Logger {
  [REQUEST_LINE](
    level: keyof Logger,
    entry: RequestLogEntry,
    message: string,
    more: LineDetails,
    words: () => RequestWords,
  ): void;
}

const PROBES: ReadonlySet<string | null> = new Set(["/health", "/ready"]);

/**
 * Writes a request's log line; for a 5xx, with its cause. A failing logger does not affect the response.
 * @param problem the body of the response, if it is a problem document
 */
export function logRequest(
  logger: Logger | RequestLogger,
  entry: RequestLogEntry,
  cause: unknown,
  { warning, path, problem }: { readonly warning?: string | undefined; path?: string; problem?: unknown } = {},
): void {
  try {
    const [level, more, message] = lineOf(entry, cause, warning);
    if (!(REQUEST_LINE in logger)) {
      logger[level]?.({ ...entry, ...more }, message);
      return;
    }
    logger[REQUEST_LINE](level, entry, message, more, () => {
      const detail = entry.status < 500 && typeof problem === "string" ? JSON.parse(problem).detail : undefined;
      return { path, detail };
    });
  } catch {
    // There is no one left to notify.
  }
}

function lineOf({ path, status }: RequestLogEntry, cause: unknown, warning: string | undefined) {
  if (warning !== undefined)
    return ["warn", { detail: warning }, status < 500 ? "ready with restrictions" : "not ready"] as const;
  // Without a cause a 503 announces a stop, and a 500 is a thrown `undefined`.
  if (status < 500 || (cause === undefined && status !== 500))
    return [PROBES.has(path) ? "debug" : "info", {}, "request"] as const;
  if (isRejection(cause)) return ["warn", { detail: cause.message }, "rejected"] as const;
  return ["error", { err: describeError(cause) }, "request failed"] as const;
}

/** Whether an error's message is sufficient: there may be thousands of them, from a known place. */
function isRejection(error: unknown): error is Error {
  if (error instanceof HttpError) return error.code === "unavailable";
  if (!isDaoError(error)) return false;
  return error.code === "changes_disabled" || (error.code === "unavailable" && error.cause === undefined);
}

const MAX_CAUSES = 5;

/** An error for the log: with its stack and causes, without the fields in which drivers keep parameters. */
function describeError(error: unknown, depth = 0): object {
  if (!isError(error)) return { message: textOf(error) };
  const { name, message, stack, cause } = error;
  const code: unknown = Reflect.get(error, "code");
  return {
    // Anything may be assigned to them, also what is no JSON.
    type: textOf(name),
    message: textOf(message),
    stack: stack && textOf(stack),
    ...(typeof code === "string" && { code }),
    ...(cause !== undefined && depth < MAX_CAUSES && { cause: describeError(cause, depth + 1) }),
  };
}

/** The text of a thrown value that is not an error; converting an object may throw. */
function textOf(thrown: unknown): string {
  try {
    return String(thrown);
  } catch {
    return typeof thrown;
  }
}

/** A pino logger that writes JSON lines. Default: level `info`, standard output. */
export function createLogger(options: { readonly level?: LogLevel; readonly destination?: DestinationStream } = {}) {
  const { level = "info", destination } = options;
  // The error is already described; pino's serializer would add the fields of drivers.
  const settings = { level, base: null, serializers: { err: (error: unknown) => error } };
  return destination === undefined ? pino(settings) : pino(settings, destination);
}

/**
 * Standard output in batches, which are written before the process exits; a killed process loses the last 100 ms. Writes are
 * synchronous, since another thread would cost a tenth of the throughput: a reader that stops reading blocks the service. While
 * they fail, up to 1 MiB of lines is kept.
 */
export class StandardOutput implements DestinationStream {
  readonly #destination = pino.destination({ dest: 1, sync: true, maxLength: LOG_MEMORY });
  readonly #limit: number;
  #lines: (string | (() => string))[] = [];

  /** @param isShared whether other processes write to it too; lines of up to 4 KB are then not split */
  constructor(isShared: boolean) {
    this.#limit = isShared ? SHARED_LOG_BATCH : LOG_BATCH;
    // A full disk must not end the service. The next batch tries again; `flushSync` would do so endlessly.
    this.#destination.on("error", () => undefined);
    setInterval(() => this.#flush(), LOG_FLUSH_INTERVAL).unref();
    process.on("exit", () => this.#flush());
  }

  /** @param line the text, or what makes it when the batch is written */
  write(line: string | (() => string)): void {
    if (this.#lines.push(line) >= LOG_BATCH_LINES) this.#flush();
  }

  #flush(): void {
    const lines = this.#lines;
    this.#lines = [];
    // Pino's destination can batch, too, but copies all that waits with every line.
    let [batch, bytes] = ["", 0];
    for (const line of lines) {
      const text = typeof line === "string" ? line : line();
      const length = Buffer.byteLength(text);
      if (batch !== "" && bytes + length > this.#limit) {
        this.#destination.write(batch);
        [batch, bytes] = ["", 0];
      }
      batch += text;
      bytes += length;
    }
    if (batch !== "") this.#destination.write(batch);
  }
}

/**
 * A logger of JSON lines. Those of requests are formatted with the others of their batch: in the middle of a request it takes three
 * times as long, with the code and data of other work in the processor's caches.
 */
export function createJsonLogger(level: LogLevel, output: Pick<StandardOutput, "write">): RequestLogger {
  const logger = createLogger({ level, destination: output });
  return {
    debug: logger.debug.bind(logger),
    info: logger.info.bind(logger),
    warn: logger.warn.bind(logger),
    error: logger.error.bind(logger),
    [REQUEST_LINE](one, entry, msg, more) {
      if (!logger.isLevelEnabled(one)) return;
      const time = Date.now();
      output.write(() => `${JSON.stringify({ level: logger.levels.values[one], time, ...entry, ...more, msg })}\n`);
    },
  };
}

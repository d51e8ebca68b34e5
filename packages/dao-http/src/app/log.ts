import { isDaoError } from "@flux/dao-core/errors";
import { type DestinationStream, pino } from "pino";
import { HttpError } from "../http/http-error.ts";
import { LOG_BATCH, LOG_FLUSH_INTERVAL, SHARED_LOG_BATCH } from "../wire/limits.ts";

/** From the most to the least talkative. */
export const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;

export type LogLevel = (typeof LOG_LEVELS)[number];

/** Where log lines go. A pino logger is one, and so are most others. */
export interface Logger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** What the log says of a request. Never its key, its query, or its body. */
export interface RequestLogEntry {
  /** `null` for bytes that no request could be made of. */
  readonly method: string | null;
  /** The path's template, such as `/api/v1/tasks/{task_id}`; `null` where no route was looked for or found. */
  readonly path: string | null;
  readonly status: number;
  /** Milliseconds from the request's head to the answer, to the microsecond. */
  readonly ms: number;
  readonly request_id: string;
  /** The name of the caller's key; `null` where there is none. */
  readonly caller: string | null;
  /** Of the request's span, where it has one. */
  readonly trace_id?: string;
  readonly span_id?: string;
}

/**
 * Writes the one line that a request gets; for a 5xx with its cause, for one that was turned away because there is more
 * work than can be done, and for an answer that is only `warning`, such as that of a probe, with the sentence that says
 * why. A logger that fails keeps nobody from the answer.
 */
export function logRequest(logger: Logger, entry: RequestLogEntry, cause: unknown, warning?: string): void {
  try {
    if (warning !== undefined) logger.warn({ ...entry, detail: warning }, "not ready");
    else if (entry.status < 500 || isPlanned(entry, cause)) logger.info(entry, "request");
    else if (isTurnedAway(cause)) logger.warn({ ...entry, detail: cause.message }, "turned away");
    else logger.error({ ...entry, err: describeError(cause) }, "request failed");
  } catch {
    // There is nobody left to tell.
  }
}

/** Whether nothing has failed: a stop is announced with a 503. What is thrown as `undefined` makes a 500. */
function isPlanned({ status }: RequestLogEntry, cause: unknown): boolean {
  return cause === undefined && status !== 500;
}

/** Whether an error says all there is to say in its message, and comes in thousands: where its stack is, is known. */
function isTurnedAway(error: unknown): error is Error {
  if (error instanceof HttpError) return error.code === "unavailable";
  return isDaoError(error) && error.code === "unavailable" && error.cause === undefined;
}

/** How many causes of causes the log follows. */
const MAX_CAUSES = 5;

/** An error as the log has it: with its stack and its causes, without the fields in which drivers keep parameters. */
function describeError(error: unknown, depth = 0): object {
  if (!(error instanceof Error)) return { message: textOf(error) };
  const { name, message, stack, cause } = error;
  const code: unknown = Reflect.get(error, "code");
  return {
    type: name,
    message,
    stack,
    ...(typeof code === "string" && { code }),
    ...(cause !== undefined && depth < MAX_CAUSES && { cause: describeError(cause, depth + 1) }),
  };
}

/** What was thrown, where it is no error: an object may have no text, or throw at being asked for one. */
function textOf(thrown: unknown): string {
  try {
    return String(thrown);
  } catch {
    return typeof thrown;
  }
}

/** A pino logger that writes JSON lines, to standard output unless told otherwise. Default level: `info`. */
export function createLogger(options: { readonly level?: LogLevel; readonly destination?: DestinationStream } = {}) {
  const { level = "info", destination } = options;
  // The error is described already; pino's own serializer would add what drivers hang on to it.
  const settings = { level, base: null, serializers: { err: (error: unknown) => error } };
  return destination === undefined ? pino(settings) : pino(settings, destination);
}

/**
 * Standard output for the lines of a process: several at one go, because writing costs more than making them. They are
 * written before the process ends, however it does so by itself; one that is killed loses those of the last 100 ms. The
 * writes are synchronous, since handing them to another thread costs a tenth of the throughput; so a reader that stops
 * reading stops the service, as it does any process that writes to standard output.
 * @param isShared whether other processes write to it too. Lines of up to 4 KB stay whole then.
 */
export function openStandardOutput({ isShared = false } = {}): DestinationStream {
  const batch = isShared ? { minLength: SHARED_LOG_BATCH - 512, maxWrite: SHARED_LOG_BATCH } : { minLength: LOG_BATCH };
  const destination = pino.destination({ dest: 1, sync: true, periodicFlush: LOG_FLUSH_INTERVAL, ...batch });
  process.on("exit", () => destination.flushSync());
  return destination;
}

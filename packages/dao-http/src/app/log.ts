import { isDaoError } from "@flux/dao-core/errors";
import { type DestinationStream, pino } from "pino";
import { HttpError } from "../http/problem.ts";
import { LOG_BATCH, LOG_FLUSH_INTERVAL, SHARED_LOG_BATCH } from "../wire/limits.ts";
import { isError } from "../wire/realms.ts";

/** From most to least verbose. */
export const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;

export type LogLevel = (typeof LOG_LEVELS)[number];

/** A logger, such as pino and most others. */
export interface Logger {
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

/** Writes a request's log line; for a 5xx, with its cause. A failing logger does not affect the response. */
export function logRequest(logger: Logger, entry: RequestLogEntry, cause: unknown, warning?: string): void {
  try {
    if (warning !== undefined)
      logger.warn({ ...entry, detail: warning }, entry.status < 500 ? "ready with restrictions" : "not ready");
    // Without a cause a 503 announces a stop, and a 500 is a thrown `undefined`.
    else if (entry.status < 500 || (cause === undefined && entry.status !== 500)) logger.info(entry, "request");
    else if (isRejection(cause)) logger.warn({ ...entry, detail: cause.message }, "rejected");
    else logger.error({ ...entry, err: describeError(cause) }, "request failed");
  } catch {
    // There is no one left to notify.
  }
}

/** Whether an error's message is sufficient: there may be thousands of them, from a known place. */
function isRejection(error: unknown): error is Error {
  if (error instanceof HttpError) return error.code === "unavailable";
  return isDaoError(error) && error.code === "unavailable" && error.cause === undefined;
}

const MAX_CAUSES = 5;

/** An error for the log: with its stack and causes, without the fields in which drivers keep parameters. */
function describeError(error: unknown, depth = 0): object {
  if (!isError(error)) return { message: textOf(error) };
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
 * synchronous, since another thread would cost a tenth of the throughput: a reader that stops reading blocks the service.
 * @param isShared whether other processes write to it too; lines of up to 4 KB are then not split
 */
export function openStandardOutput({ isShared = false } = {}): DestinationStream {
  const batch = isShared ? { minLength: SHARED_LOG_BATCH - 512, maxWrite: SHARED_LOG_BATCH } : { minLength: LOG_BATCH };
  const destination = pino.destination({ dest: 1, sync: true, periodicFlush: LOG_FLUSH_INTERVAL, ...batch });
  process.on("exit", () => destination.flushSync());
  return destination;
}

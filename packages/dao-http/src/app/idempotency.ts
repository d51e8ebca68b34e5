import { createHash } from "node:crypto";
import {
  type DaoUnitOfWork,
  type DatabaseSession,
  deleteExpiredIdempotencyKeys,
  type OnceOptions,
  runOnce,
} from "@flux/dao-core";
import type { HttpResponse } from "../http/http-message.ts";
import { type InvalidRequestError, invalidRequest } from "../http/problem.ts";
import { CLEANUP_INTERVAL } from "../wire/limits.ts";
import { isError } from "../wire/realms.ts";
import type { Logger } from "./log.ts";

/** The header of requests that take effect once, however often they are sent (draft-ietf-httpapi-idempotency-key-header-07). */
export const IDEMPOTENCY_KEY_HEADER = "idempotency-key";

/** Work in which no code of the application runs costs dao-core less. */
const OWN_WORK = Symbol.for("@flux/dao-core/own-work");

type RecordedResponse = { readonly status: number; readonly headers: Record<string, string>; readonly body: string };

/** Runs a request once per key: key and response are written in the work's own transaction. */
export type IdempotentHandler = ReturnType<typeof idempotentHandler>;

export function idempotentHandler(session: DatabaseSession, logger: Logger) {
  const cleanUpIfDue = cleanup(session, logger, "idempotency keys", () => deleteExpiredIdempotencyKeys(session));
  /** Runs `work`, or returns the response that was recorded for the key. A failure is not recorded: it wrote nothing. */
  return async (once: OnceOptions, work: (uow: DaoUnitOfWork) => Promise<HttpResponse>): Promise<HttpResponse> => {
    const own = { ...once, [OWN_WORK]: true };
    const { result, isReplay } = await runOnce(session, own, async (uow) => toRecord(await work(uow)));
    cleanUpIfDue();
    return isReplay ? { ...result, headers: { ...result.headers, "idempotent-replayed": "true" } } : result;
  };
}

/** Deletes what has expired once an hour, without a timer, which would keep a process running, or not fire in a sleeping one. */
export function cleanup(session: DatabaseSession, logger: Logger, what: string, deleteExpired: () => Promise<unknown>) {
  let last = Number.NEGATIVE_INFINITY;
  return () => {
    const now = performance.now();
    // An application's transaction must not contain other writes.
    if (now - last < CLEANUP_INTERVAL || session.isTransaction) return;
    last = now;
    deleteExpired()
      .catch((error: unknown) => {
        const detail = isError(error) ? error.message : String(error);
        logger.warn({ detail }, `expired ${what} could not be deleted`);
      })
      // There is no one left to notify.
      .catch(() => undefined);
  };
}

function toRecord({ status, headers, body }: HttpResponse): RecordedResponse {
  if (typeof body !== "string") throw new TypeError("Only a response that is text can be recorded.");
  return { status, headers, body };
}

/** Identifies the request by everything that the work depends on. */
export function fingerprintOf(method: string, path: string, query: string, body: Uint8Array): string {
  const resource = path.endsWith("/") ? path.slice(0, -1) : path;
  return createHash("sha256").update(`${method} ${resource}?${query}\n`).update(body).digest("base64url");
}

const bareKey = /^(?!")[\x21-\x7e]{1,255}$/;
/** A string of RFC 9651, 3.3.3, as in the draft. */
const quotedKey = /^"((?:[\x21\x23-\x5b\x5d-\x7e]|\\["\\]){1,255})"$/;

/** The key in a header, with or without quotes. */
export function parseIdempotencyKey(value: string): string {
  if (bareKey.test(value)) return value;
  const quoted = quotedKey.exec(value)?.[1];
  if (quoted !== undefined) return quoted.replace(/\\(.)/g, "$1");
  throw invalidKey("must be one key of 1 to 255 visible ASCII characters, with quotes around it or without");
}

export function invalidKey(message: string): InvalidRequestError {
  return invalidRequest(message, "Idempotency-Key");
}

import { hash } from "node:crypto";
import { createDaoServices, type DaoServices, type DatabaseSession, type Requester, runOnce } from "@flux/dao-core";
import { InvalidRequestError } from "../http/http-error.ts";
import type { HttpResponse } from "../http/http-message.ts";
import { IdempotencyKeyCleanup } from "./idempotency-key-cleanup.ts";
import type { Logger } from "./log.ts";

/** The header of a request that takes effect once, however often it is sent (draft-ietf-httpapi-idempotency-key-header-07). */
export const IDEMPOTENCY_KEY_HEADER = "idempotency-key";

/** A request with a key. */
export interface KeyedRequest {
  /** As parsed by {@link parseIdempotencyKey}. */
  readonly key: string;
  /** The name of the caller's service key: idempotency keys of different callers are different keys. */
  readonly caller: string;
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly body: Uint8Array;
}

/** A response as it is recorded. */
type RecordedResponse = { readonly status: number; readonly headers: Record<string, string>; readonly body: string };

/** Runs a request once under its key: key and response are written in the transaction of the work itself. */
export class IdempotentHandler {
  readonly #session: DatabaseSession;
  readonly #cleanup: IdempotencyKeyCleanup;

  constructor(session: DatabaseSession, logger: Logger) {
    this.#session = session;
    this.#cleanup = new IdempotencyKeyCleanup(session, logger);
  }

  /**
   * Runs `work`, or returns the response that was recorded for the key. A failure is not recorded: it wrote nothing.
   * @throws IdempotencyKeyReusedError, and whatever `work` throws
   */
  async handle(
    request: KeyedRequest,
    requester: Requester,
    work: (services: DaoServices) => Promise<HttpResponse>,
  ): Promise<HttpResponse> {
    const once = { scope: request.caller, key: request.key, fingerprint: fingerprintOf(request), requester };
    const { result, isReplay } = await runOnce(this.#session, once, async (uow) =>
      toRecord(await work(createDaoServices(uow))),
    );
    this.#cleanup.startIfDue();
    return isReplay ? { ...result, headers: { ...result.headers, "idempotent-replayed": "true" } } : result;
  }
}

function toRecord({ status, headers, body }: HttpResponse): RecordedResponse {
  if (typeof body !== "string") throw new TypeError("Only a response that is text can be recorded.");
  return { status, headers, body };
}

/** Identifies the request by everything that the work depends on. */
function fingerprintOf({ method, path, query, body }: KeyedRequest): string {
  const resource = path.endsWith("/") ? path.slice(0, -1) : path;
  const head = new TextEncoder().encode(`${method} ${resource}?${query}\n`);
  const whole = new Uint8Array(head.length + body.length);
  whole.set(head);
  whole.set(body, head.length);
  return hash("sha256", whole, "base64url");
}

const bareKey = /^(?!")[\x21-\x7e]{1,255}$/;
/** A string of RFC 9651, 3.3.3, as in the draft. */
const quotedKey = /^"((?:[\x21\x23-\x5b\x5d-\x7e]|\\["\\]){1,255})"$/;

/**
 * The key in a header; with and without quotes it is the same key.
 * @throws InvalidRequestError for an invalid key, and for several
 */
export function parseIdempotencyKey(value: string): string {
  if (bareKey.test(value)) return value;
  const quoted = quotedKey.exec(value)?.[1];
  if (quoted !== undefined) return quoted.replace(/\\(.)/g, "$1");
  throw invalid("must be one key of 1 to 255 visible ASCII characters, with quotes around it or without");
}

/** The error for a key on an import: it takes effect while its body arrives, so there is nothing to compare. */
export function keyOnStream(): InvalidRequestError {
  return invalid(
    "is not supported here: give each task an id of its own, so that an import that is sent twice is refused",
  );
}

/** The error for a key if there is no database to record it in. */
export function keyNotSupported(): InvalidRequestError {
  return invalid("is not supported here: this service runs on custom services, without a database; omit it");
}

function invalid(message: string): InvalidRequestError {
  return new InvalidRequestError([{ path: "Idempotency-Key", message }]);
}

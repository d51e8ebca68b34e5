import { hash } from "node:crypto";
import { createDaoServices, type DaoServices, type DatabaseSession, type Requester, runOnce } from "@flux/dao-core";
import { InvalidRequestError } from "../http/http-error.ts";
import type { HttpResponse } from "../http/http-message.ts";
import type { KeySweeper } from "./idempotency-key-cleanup.ts";

/** The header of a request that is to be done once, however often it is sent (draft-ietf-httpapi-idempotency-key-header-07). */
export const IDEMPOTENCY_KEY_HEADER = "idempotency-key";

/** A request that carries a key. */
export interface KeyedRequest {
  /** As {@link parseIdempotencyKey} reads it. */
  readonly key: string;
  /** The name of the caller's service key: the same idempotency key of another caller is another key. */
  readonly caller: string;
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly body: Uint8Array;
}

/** An answer as it is recorded. */
type RecordedAnswer = { readonly status: number; readonly headers: Record<string, string>; readonly body: string };

/** Requests that are done once: the key and the answer are written in the transaction of the work itself. */
export class OnceOnly {
  readonly #session: DatabaseSession;
  readonly #sweeper: KeySweeper;

  constructor(session: DatabaseSession, sweeper: KeySweeper) {
    this.#session = session;
    this.#sweeper = sweeper;
  }

  /**
   * Does `work`, or answers as it was answered before. What fails is not recorded: it has left nothing behind.
   * @throws IdempotencyKeyReusedError, and whatever `work` throws
   */
  async answer(
    request: KeyedRequest,
    requester: Requester,
    work: (services: DaoServices) => Promise<HttpResponse>,
  ): Promise<HttpResponse> {
    const once = { scope: request.caller, key: request.key, fingerprint: fingerprintOf(request), requester };
    const { result, isReplay } = await runOnce(this.#session, once, async (uow) =>
      toRecord(await work(createDaoServices(uow))),
    );
    this.#sweeper.sweepIfDue();
    return isReplay ? { ...result, headers: { ...result.headers, "idempotent-replayed": "true" } } : result;
  }
}

function toRecord({ status, headers, body }: HttpResponse): RecordedAnswer {
  if (typeof body !== "string") throw new TypeError("Only an answer that is text can be recorded.");
  return { status, headers, body };
}

/** Tells the request from another one: by all of it that the work depends on. */
function fingerprintOf({ method, path, query, body }: KeyedRequest): string {
  const resource = path.endsWith("/") ? path.slice(0, -1) : path;
  const head = new TextEncoder().encode(`${method} ${resource}?${query}\n`);
  const whole = new Uint8Array(head.length + body.length);
  whole.set(head);
  whole.set(body, head.length);
  return hash("sha256", whole, "base64url");
}

const bareKey = /^(?!")[\x21-\x7e]{1,255}$/;
/** A string of RFC 9651, 3.3.3, as the draft has it. */
const quotedKey = /^"((?:[\x21\x23-\x5b\x5d-\x7e]|\\["\\]){1,255})"$/;

/**
 * The key that a header holds; with or without quotes it is the same one.
 * @throws InvalidRequestError for one that is none, and for several
 */
export function parseIdempotencyKey(value: string): string {
  if (bareKey.test(value)) return value;
  const quoted = quotedKey.exec(value)?.[1];
  if (quoted !== undefined) return quoted.replace(/\\(.)/g, "$1");
  throw invalid("must be one key of 1 to 255 visible ASCII characters, with quotes around it or without");
}

/** The refusal of a key where the request is worked on while it comes in, so that nothing could be compared with it. */
export function keyOnStream(): InvalidRequestError {
  return invalid(
    "is not taken here: give each task an id of its own, so that an import which is sent twice is refused",
  );
}

/** The refusal of a key where nothing could be recorded. */
export function keyNotSupported(): InvalidRequestError {
  return invalid(
    "cannot be honoured here: this service runs on services of its host's own, without a database; leave it out",
  );
}

function invalid(message: string): InvalidRequestError {
  return new InvalidRequestError([{ path: "Idempotency-Key", message }]);
}

import type { Telemetry } from "@flux/dao-core";
import { LATEST, POSITION_HEADER, POSITION_PATTERN } from "../api/operation.ts";
import { NDJSON } from "../wire/json.ts";
import { CALL_TIMEOUT, checkLimits } from "../wire/limits.ts";
import { HttpCall } from "./http-call.ts";
import type { CallRequest } from "./request.ts";
import { Attempts, type RetryOptions } from "./retry.ts";

/** The part of `fetch` that the client uses. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** How to reach the service. */
export interface DaoClientOptions {
  /** The URL of the service, such as `http://flux-dao-service:8000`, with the path under which it is mounted, if any. */
  readonly baseUrl: string;
  /** One of the keys in the service's `SERVICE_API_KEYS`. */
  readonly serviceKey: string;
  /** Default: the runtime's own. */
  readonly fetch?: Fetch | undefined;
  /**
   * Milliseconds for a call, including its complete response, unless the call has a time-out of its own. An import
   * (`createTasks`) may take longer if the service receives more tasks, or responds, within each such time. Default 30,000.
   */
  readonly timeout?: number | undefined;
  /** Records calls and propagates their trace: `clientTelemetry()` of `@flux/dao-http/opentelemetry`. Default: none. */
  readonly telemetry?: Telemetry | undefined;
  /** Retries of failed calls; `false` sends each call once. Default: two retries of calls that can be sent twice. */
  readonly retry?: RetryOptions | false | undefined;
}

/** JSON, or what makes NDJSON as it is sent. */
export type Body = string | ((call: HttpCall) => ReadableStream<Uint8Array>);

export type Connection = ReturnType<typeof connect>;

/** @throws TypeError for an invalid base URL or time-out, and for a key that a header cannot contain; the message has no URL and no key */
export function connect(options: DaoClientOptions) {
  const { serviceKey, timeout: callTimeout = CALL_TIMEOUT, retry } = options;
  const baseUrl = String(options.baseUrl).replace(/\/+$/, "");
  if (!/^https?:\/\/[^/?#@]+(?:\/[^?#]*)?$/i.test(baseUrl) || !URL.canParse(`${baseUrl}/`)) {
    throw new TypeError("baseUrl must be http(s)://host:port, such as http://localhost:8000, without a password.");
  }
  // The error of fetch would contain the key.
  if (typeof serviceKey !== "string" || !/^[\x21-\x7e]{1,200}$/.test(serviceKey)) {
    throw new TypeError("serviceKey must be 1 to 200 printable ASCII characters, without a space or a line break.");
  }
  checkLimits(options, { timeout: 1 });
  const headers = { "x-flux-service-key": serviceKey, accept: "application/json" };
  // Called without a receiver: a browser's fetch rejects any but the window.
  const ownFetch = options.fetch ?? ((url, init) => fetch(url, init));
  const retries = retry === false ? { retries: 0 } : retry;
  const instrumentation = options.telemetry?.instrument({});
  /** The latest of all positions that were received: reads must see this client's writes also where a standby serves them. */
  let known = "";
  /** Whether a write may have taken effect whose position was not received, and how many there were. */
  let isUnknown = false;
  let failures = 0;

  /** @param wait milliseconds that the service may wait, besides the time-out of the call */
  const attempts = (request: CallRequest, wait = 0, isPersistent = false) =>
    new Attempts(request, (request.timeout ?? callTimeout) + wait, retries, isPersistent);

  /** Opens a call, which the caller reads and closes. @throws UnavailableError without a response in time; the signal's reason */
  async function open(request: CallRequest, { number, timeout }: Attempts, body?: Body): Promise<HttpCall> {
    const { method, path } = request.operation;
    const { signal } = request;
    signal?.throwIfAborted();
    const started = instrumentation?.start({ kind: "call", method, baseUrl, path, attempt: number });
    const call = new HttpCall(method, timeout, signal, started);
    const isRead = method === "GET";
    const required = isRead ? requiredPosition(request.readAfter) : undefined;
    const content = typeof body === "function" ? body(call) : body;
    const init: RequestInit = {
      method,
      headers: {
        ...started?.headers,
        ...headers,
        ...(body !== undefined && { "content-type": typeof body === "string" ? "application/json" : NDJSON }),
        ...request.headers,
        ...(required !== undefined && { [POSITION_HEADER]: required }),
      },
      signal: call.signal,
      // A redirect would send the key elsewhere; the service never sends one.
      redirect: "manual",
      ...(content !== undefined && { body: content }),
      ...(typeof content === "object" && { duplex: "half" as const }),
    };
    const send = () => ownFetch(baseUrl + request.target, init);
    const failuresBefore = failures;
    try {
      await call.begin(() => (started === undefined ? send() : started.run(send)));
    } catch (error) {
      if (!isRead) writeFailed();
      throw error;
    }
    const { status, position } = call.head;
    // After a read of the latest the position is known again; without one in its response, the service has no standby.
    if (required === LATEST && failures === failuresBefore) isUnknown = false;
    if (!isRead && status >= 500) writeFailed();
    // Of a read, too: changes have one, so that the reads of their rows see them.
    else if (position !== undefined && POSITION_PATTERN.test(position)) {
      if (position === LATEST) writeFailed();
      else if (position > known) known = position;
    }
    return call;
  }

  function requiredPosition(readAfter = ""): string | undefined {
    if (isUnknown) return LATEST;
    return (readAfter > known ? readAfter : known) || undefined;
  }

  function writeFailed(): void {
    isUnknown = true;
    failures++;
  }

  return { attempts, open };
}

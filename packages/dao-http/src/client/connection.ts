import type { Instrumentation, Telemetry } from "@flux/dao-core";
import { CALL_TIMEOUT } from "../wire/limits.ts";
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
  /**
   * Records spans and metrics of calls, and propagates their trace context: `clientTelemetry()` of
   * `@flux/dao-http/opentelemetry`. Default: none.
   */
  readonly telemetry?: Telemetry | undefined;
  /** Retries of failed calls; `false` sends each call once. Default: two retries of calls that can be sent twice. */
  readonly retry?: RetryOptions | false | undefined;
}

interface Body {
  readonly mediaType: string;
  /** Text, or bytes produced as they are sent. */
  readonly content: string | ((call: HttpCall) => ReadableStream<Uint8Array>);
}

/** Sends calls to one service. */
export class Connection {
  readonly #baseUrl: string;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #fetch: Fetch;
  readonly #instrumentation: Instrumentation | undefined;
  readonly #timeout: number;
  readonly #retry: RetryOptions | undefined;

  /** @throws TypeError for an invalid base URL, and for a key that a header cannot contain; the message contains neither */
  constructor(options: DaoClientOptions) {
    const { baseUrl, serviceKey, fetch: ownFetch, timeout = CALL_TIMEOUT, telemetry, retry } = options;
    if (!/^https?:\/\/[^/?#@]+(?:\/[^?#]*)?$/i.test(baseUrl)) {
      throw new TypeError("baseUrl must be http(s)://host:port, such as http://localhost:8000, without a password.");
    }
    // The error of fetch would contain the key.
    if (!/^[\x21-\x7e]{1,200}$/.test(serviceKey)) {
      throw new TypeError("serviceKey must be 1 to 200 printable ASCII characters, without a space or a line break.");
    }
    this.#baseUrl = baseUrl.replace(/\/+$/, "");
    this.#headers = { "x-flux-service-key": serviceKey, accept: "application/json" };
    // Called without a receiver: a browser's fetch rejects any but the window.
    this.#fetch = ownFetch ?? ((url, init) => fetch(url, init));
    this.#timeout = timeout;
    this.#retry = retry === false ? { retries: 0 } : retry;
    this.#instrumentation = telemetry?.instrument({});
  }

  attempts(request: CallRequest): Attempts {
    return new Attempts(request, request.timeout ?? this.#timeout, this.#retry);
  }

  /**
   * Sends a call. The caller reads the response, and closes the call.
   * @throws UnavailableError if the service cannot be reached, or does not respond in time; the signal's reason if it aborts
   */
  async open(request: CallRequest, { number, timeout }: Attempts, body?: Body): Promise<HttpCall> {
    const { method, path } = request.operation;
    const { signal } = request;
    signal?.throwIfAborted();
    const baseUrl = this.#baseUrl;
    const started = this.#instrumentation?.start({ kind: "call", method, baseUrl, path, attempt: number });
    const call = new HttpCall(method, timeout, signal, started);
    const content = typeof body?.content === "function" ? body.content(call) : body?.content;
    const init: RequestInit = {
      method,
      headers: {
        ...started?.headers,
        ...this.#headers,
        ...(body !== undefined && { "content-type": body.mediaType }),
        ...request.headers,
      },
      signal: call.signal,
      // A redirect would send the key elsewhere; the service never sends one.
      redirect: "manual",
      ...(content !== undefined && { body: content }),
      ...(typeof content === "object" && { duplex: "half" as const }),
    };
    const send = () => this.#fetch(baseUrl + request.target, init);
    await call.begin(() => (started === undefined ? send() : started.run(send)));
    return call;
  }
}

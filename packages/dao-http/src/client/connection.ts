import { UnavailableError } from "@flux/dao-core/errors";
import { UnexpectedResponseError } from "./client-errors.ts";

/** As much of `fetch` as the client needs. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

export interface ConnectionOptions {
  /** Where the service is, such as `http://flux-dao-service:8000`; with the path where it is mounted, if it is. */
  readonly baseUrl: string;
  /** One of the keys in the service's `SERVICE_API_KEYS`. */
  readonly serviceKey: string;
  /** Default: the runtime's own. */
  readonly fetch?: Fetch | undefined;
  /** Milliseconds that a call may take, its answer read in full, unless the call has a time-out of its own. Default 30,000. */
  readonly timeout?: number | undefined;
}

export interface Call {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  /** JSON text, if there is a body. */
  readonly body: string | undefined;
  /** Beside those that every call has. */
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal | undefined;
  /** Milliseconds; `undefined` for the connection's own. */
  readonly timeout: number | undefined;
}

export interface Answer {
  readonly status: number;
  readonly requestId: string | undefined;
  readonly text: string;
}

/** Sends calls to one service. */
export class Connection {
  readonly #baseUrl: string;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #fetch: Fetch;
  readonly #timeout: number;

  /** @throws TypeError for a base URL that is none, and for a key that no header can carry; it shows neither */
  constructor({ baseUrl, serviceKey, fetch: ownFetch, timeout = 30_000 }: ConnectionOptions) {
    if (!/^https?:\/\/[^/?#@]+(?:\/[^?#]*)?$/i.test(baseUrl)) {
      throw new TypeError("baseUrl must be http(s)://host:port, such as http://localhost:8000, without a password.");
    }
    // Left to fetch, it would stand in the error of every call.
    if (!/^[\x21-\x7e]{1,200}$/.test(serviceKey)) {
      throw new TypeError("serviceKey must be 1 to 200 printable ASCII characters, without a space or a line break.");
    }
    this.#baseUrl = baseUrl.replace(/\/+$/, "");
    this.#headers = { "x-flux-service-key": serviceKey, accept: "application/json" };
    // Called as a function of nobody: a browser's fetch minds whose it is.
    this.#fetch = ownFetch ?? ((url, init) => fetch(url, init));
    this.#timeout = timeout;
  }

  /**
   * @throws UnavailableError when the service cannot be reached, or does not answer in time; the signal's reason when it
   *   aborts
   */
  async send({ method, target, body, headers, signal, timeout = this.#timeout }: Call): Promise<Answer> {
    signal?.throwIfAborted();
    const abort = new AbortController();
    const giveUp = () => abort.abort(signal?.reason);
    signal?.addEventListener("abort", giveUp);
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      abort.abort();
    }, timeout);
    // A redirect would carry the key to wherever it points; the service never sends one.
    const init = {
      method,
      headers: {
        ...this.#headers,
        ...(body !== undefined && { "content-type": "application/json" }),
        ...headers,
      },
      signal: abort.signal,
      redirect: "manual",
      ...(body !== undefined && { body }),
    } as const;
    try {
      const response = await this.#fetch(this.#baseUrl + target, init);
      const requestId = response.headers.get("x-request-id") ?? undefined;
      return { status: response.status, requestId, text: await response.text() };
    } catch (cause) {
      signal?.throwIfAborted();
      if (isLate)
        throw new UnavailableError(`The service did not answer within ${timeout} ms. ${mayHaveDone(method)}`, {
          cause,
        });
      throw new UnavailableError(`The service cannot be reached, or the connection was lost. ${mayHaveDone(method)}`, {
        cause,
      });
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", giveUp);
    }
  }
}

function mayHaveDone(method: string): string {
  return method === "GET"
    ? "Check that it runs, then try again."
    : "What was asked may have been done or not: read before you write again.";
}

/** The answer's body as JSON. */
export function parseAnswer({ status, text, requestId }: Answer): unknown {
  try {
    return JSON.parse(text);
  } catch {
    if (status >= 400) return undefined;
    const detail = `The answer has status ${status}, but its body is not JSON. Check the base URL.`;
    throw new UnexpectedResponseError(status, detail, { ...(requestId !== undefined && { requestId }) });
  }
}

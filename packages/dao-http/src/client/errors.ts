import { UnavailableError } from "@flux/dao-core/errors";

/** The service rejected the key (403): it is wrong, or missing from the service's settings. */
export class InvalidServiceKeyError extends Error {
  /** Identifies the request in the service's log. */
  readonly requestId: string | undefined;

  constructor(detail: string, requestId: string | undefined) {
    super(detail);
    this.name = "InvalidServiceKeyError";
    this.requestId = requestId;
  }
}

/**
 * A response that another attempt would not change: a fault of the service (500), a body over its limit (413), something that
 * only another version of the client can read, or a 4xx from something in front of the service. Any other response that is not
 * the service's is an `UnavailableError`.
 */
export class UnexpectedResponseError extends Error {
  readonly status: number;
  /** The problem's `code`, if it is the service's. */
  readonly code: string | undefined;
  /** Identifies the request in the service's log. */
  readonly requestId: string | undefined;

  constructor(status: number, detail: string, options: { readonly code?: string; readonly requestId?: string }) {
    super(detail);
    this.name = "UnexpectedResponseError";
    this.status = status;
    this.code = options.code;
    this.requestId = options.requestId;
  }
}

/** A response without its body. */
export interface ResponseHead {
  /** 0 if there is no response. */
  readonly status: number;
  /** Every response of the service has one; intermediaries seldom add one to responses of their own. */
  readonly requestId: string | undefined;
  /** As received, with its parameters. */
  readonly contentType: string | undefined;
  /** The `Flux-Position`, if there is one. */
  readonly position?: string | undefined;
  /** Milliseconds until the next attempt, if the response says so. */
  readonly retryAfter: number | undefined;
}

/** The error for a call without a response from the service; its sentence says what may have happened. */
export function unavailable(what: string, method: string, options?: ErrorOptions): UnavailableError {
  const next =
    method === "GET"
      ? "Check that it runs, then try again."
      : "The request may or may not have taken effect: read before you write again.";
  return new UnavailableError(`${what} ${next}`, options);
}

/** Statuses that may be temporary, unlike other 4xx. */
const passing: ReadonlySet<number> = new Set([408, 425, 429]);

/**
 * The error for a response that is not the service's: from a proxy, a sign-in page or another server, or damaged in transit. It
 * describes the response, without its body.
 * @param flaw what is wrong with it, if the status does not say so
 */
export function unexpectedResponse({ status, contentType }: ResponseHead, method: string, flaw?: string): Error {
  const type = /^[\w.+-]{1,40}\/[\w.+-]{1,40}/.exec(contentType ?? "")?.[0] ?? "no content type";
  const received = `status ${status}, ${type}${flaw === undefined ? "" : `, ${flaw}`}`;
  if (status >= 400 && status < 500 && !passing.has(status)) {
    const what = `Something other than the DAO service refused the call: ${received}.`;
    const next = "Check the base URL, and the limits of proxies in front of it.";
    return new UnexpectedResponseError(status, `${what} ${next}`, {});
  }
  // A browser shows a redirect as status 0.
  const isRedirect = status < 400 && (status >= 300 || status === 0) && status !== 304;
  const why = isRedirect ? " Redirects are not followed, since that would send the key along: check the base URL." : "";
  return unavailable(`The response is not the DAO service's, or was damaged: ${received}.${why}`, method);
}

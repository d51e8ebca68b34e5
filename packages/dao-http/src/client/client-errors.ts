/** The service did not take the key (403): it is missing from its settings, or wrong. */
export class InvalidServiceKeyError extends Error {
  /** Of the request, to find it in the service's log. */
  readonly requestId: string | undefined;

  constructor(detail: string, requestId: string | undefined) {
    super(detail);
    this.name = "InvalidServiceKeyError";
    this.requestId = requestId;
  }
}

/**
 * The call was answered in a way that trying again will not change: by the service with a fault of its own (500), a body over
 * its limit (413), or what only another version of the client can read; or by something before it that refused the call with a
 * 4xx of its own. What else is not the service's answer is an `UnavailableError`.
 */
export class UnexpectedResponseError extends Error {
  readonly status: number;
  /** The problem's `code`, if it is one of this service's. */
  readonly code: string | undefined;
  /** Of the request, to find it in the service's log. */
  readonly requestId: string | undefined;

  constructor(status: number, detail: string, options: { readonly code?: string; readonly requestId?: string }) {
    super(detail);
    this.name = "UnexpectedResponseError";
    this.status = status;
    this.code = options.code;
    this.requestId = options.requestId;
  }
}

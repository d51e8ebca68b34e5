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
 * The response to the call is one that another attempt will not change: from the service an error of its own (500), a body over its
 * limit (413), or what only another version of the client can read; or a 4xx of something in front of the service. Any other
 * response that is not the service's is an `UnavailableError`.
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

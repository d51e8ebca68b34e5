import { UnavailableError } from "@flux/dao-core/errors";
import { UnexpectedResponseError } from "./client-errors.ts";

/** An answer without its body. */
export interface AnswerHead {
  readonly status: number;
  /** Every response of the service has one; what is between seldom gives one to what it makes up itself. */
  readonly requestId: string | undefined;
  /** As it came, parameters and all. */
  readonly contentType: string | undefined;
  /** Milliseconds after which to call again, where the answer says so. */
  readonly retryAfter: number | undefined;
}

export interface Answer extends AnswerHead {
  readonly text: string;
}

/** A call that the service did not answer, as far as can be told; the sentence says what its caller has to reckon with. */
export function unavailable(what: string, method: string, options?: ErrorOptions): UnavailableError {
  const next =
    method === "GET"
      ? "Check that it runs, then try again."
      : "What was asked may have been done or not: read before you write again.";
  return new UnavailableError(`${what} ${next}`, options);
}

/** What may pass by itself, unlike the rest of 4xx. */
const passing: ReadonlySet<number> = new Set([408, 425, 429]);

/**
 * An answer that is not the service's: a proxy's, a sign-in page's, another server's, or one that was damaged on the way. It
 * says what came, and shows nothing of the body.
 * @param flaw what is wrong with it, where the status does not say it
 */
export function foreignAnswer({ status, contentType }: AnswerHead, method: string, flaw?: string): Error {
  const type = /^[\w.+-]{1,40}\/[\w.+-]{1,40}/.exec(contentType ?? "")?.[0] ?? "no content type";
  const came = `status ${status}, ${type}${flaw === undefined ? "" : `, ${flaw}`}`;
  if (status >= 400 && status < 500 && !passing.has(status)) {
    const what = `Something other than the DAO service refused the call: ${came}.`;
    return new UnexpectedResponseError(status, `${what} Check the base URL, and the limits of what is before it.`, {});
  }
  // A browser shows a redirect as status 0.
  const isRedirect = status < 400 && (status >= 300 || status === 0) && status !== 304;
  const why = isRedirect ? " No redirect is followed, since the key would go along: check the base URL." : "";
  return unavailable(
    `Something other than the DAO service answered, or its answer was damaged: ${came}.${why}`,
    method,
  );
}

import { versionOf } from "@flux/dao-core/contract";
import { type Operation, POSITION_HEADER, POSITION_PATTERN } from "../api/operation.ts";
import type { HttpRequest } from "../http/http-message.ts";
import { HttpError, invalidRequest } from "../http/problem.ts";

/** Versions of a row; `"*"` is any. */
type Versions = "*" | readonly string[];

/** What a request requires of its row's version (RFC 9110, 13.1). */
export interface Preconditions {
  /** The row must have one of them. */
  readonly ifMatch?: Versions | undefined;
  /** The row is returned only if it has none of them; with `"*"` it is written only if there is none. */
  readonly ifNoneMatch?: Versions | undefined;
}

const NO_PRECONDITIONS: Preconditions = {};

/**
 * Checks also the position of a read, without a standby, too: callers must not depend on whether there is one.
 * @throws InvalidRequestError for what is malformed, or the operation does not support: its sender relies on it
 */
export function readPreconditions(request: HttpRequest, { method, preconditions: use }: Operation): Preconditions {
  if (method === "GET") readPosition(request);
  const ifMatch = request.header("if-match");
  const ifNoneMatch = request.header("if-none-match");
  if (ifMatch === undefined && ifNoneMatch === undefined) return NO_PRECONDITIONS;
  if (ifMatch !== undefined && use === undefined) {
    throw invalidRequest("is not supported here, where no single row is read or changed; omit it", "If-Match");
  }
  if (ifNoneMatch !== undefined && use !== "read") {
    if (method !== "PUT") {
      throw invalidRequest(
        "is supported only where one row is read; omit it, or send If-Match instead",
        "If-None-Match",
      );
    }
    if (ifNoneMatch.trim() !== "*" || ifMatch !== undefined) {
      throw invalidRequest("must be *, without If-Match: the row is then created, not replaced", "If-None-Match");
    }
  }
  return {
    ifMatch: ifMatch === undefined ? undefined : versionsIn("If-Match", ifMatch, "strong"),
    ifNoneMatch: ifNoneMatch === undefined ? undefined : versionsIn("If-None-Match", ifNoneMatch, "weak"),
  };
}

/** The position of an earlier write that a read must see, or `latest`. @throws InvalidRequestError if it is neither */
export function readPosition(http: HttpRequest): string | undefined {
  const position = http.header(POSITION_HEADER);
  if (position === undefined || POSITION_PATTERN.test(position)) return position;
  throw invalidRequest("must be the Flux-Position of a response, or latest", "Flux-Position");
}

/** An entity-tag in a list (RFC 9110, 8.8.3), between white space and commas: elements may be empty (5.6.1.2). */
const entityTag = /(W\/)?"([\x21\x23-\x7e\x80-\xff]*)"[\t ]*(?=,|$)/g;

/** Suffixes that Apache, Jetty and others add to the tag of a response that they compress. Our versions have no hyphen. */
const codings = /--?(?:gzip|br|deflate|zstd)$/;

/**
 * The versions in the value of a header, or of a member of a body.
 * @param comparison with strong comparison a weak tag never matches (8.8.3.2)
 * @throws InvalidRequestError if it is malformed
 */
export function versionsIn(header: string, value: string, comparison: "strong" | "weak"): Versions {
  if (value.trim() === "*") return "*";
  const tags = [...value.matchAll(entityTag)];
  if (tags.length === 0 || /[^\t ,]/.test(value.replace(entityTag, ""))) {
    throw invalidRequest(`must be * or a list of entity-tags as in the ETag of a response, such as "x", "y"`, header);
  }
  return (
    tags
      .filter(([, weak]) => weak === undefined || comparison === "weak")
      .map(([, , version = ""]) => version.replace(codings, ""))
      // A quoted asterisk is an ordinary tag, which no row has.
      .filter((version) => version !== "*")
  );
}

/** The row's version as its `ETag`, a strong one. */
export function etagOf(row: unknown): string {
  return `"${versionOf(Object(row))}"`;
}

/** Whether to return a row that was read; otherwise the response is a 304. */
export function isRowReturned({ ifMatch, ifNoneMatch }: Preconditions, etag: string): boolean {
  if (ifMatch !== undefined && !isAmong(ifMatch, etag)) {
    throw new HttpError("version_mismatch", "The row has none of the versions in If-Match. Read it without If-Match.");
  }
  return ifNoneMatch === undefined || !isAmong(ifNoneMatch, etag);
}

/** The error for the caller if the request failed because a proxy had changed the tag; else `error`. */
export function explainWeak(error: unknown, request: HttpRequest): unknown {
  const hasWeak = request.header("if-match")?.includes("W/") === true;
  if (!hasWeak || Object(error).code !== "version_mismatch") return error;
  return new HttpError(
    "version_mismatch",
    'If-Match has a weak entity-tag (W/"…"), which never matches. A proxy made it of this service\'s ETag when it compressed the ' +
      "response: read the row with Accept-Encoding: identity, or switch off the proxy's compression of this service.",
  );
}

function isAmong(versions: Versions, etag: string): boolean {
  return versions === "*" || versions.some((version) => `"${version}"` === etag);
}

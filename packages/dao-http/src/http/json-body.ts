import { parseInstant } from "@flux/dao-core/contract";
import { decode } from "../wire/decode.ts";
import { isJsonField, toCamelCase } from "../wire/field-names.ts";
import { HttpError, InvalidRequestError } from "./http-error.ts";
import type { HttpRequest } from "./http-message.ts";
import { markLostIntegers } from "./lost-integers.ts";

/** Bytes that a body may have unless set otherwise: 1 MiB (contract, "Errors"). */
export const DEFAULT_BODY_LIMIT = 1_048_576;

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** JSON has no charset but UTF-8 (RFC 8259, 8.1); other parameters mean nothing to it. */
const noOtherCharset = /(?!.*;[ \t]*charset=(?!"?utf-?8"?[ \t]*(?:;|$)))/.source;
const jsonMediaType = mediaTypeOf("json");

/** The media type `application/<subtype>` with any parameters, but for those that name a charset other than UTF-8. */
export function mediaTypeOf(subtype: string): RegExp {
  return new RegExp(`^application/(?:${subtype})${noOtherCharset}[ \\t]*(?:;|$)`, "i");
}

/** @throws HttpError `unsupported_media_type` for a body that is not JSON */
export function checkJson(request: HttpRequest): void {
  checkMediaType(request, jsonMediaType, "application/json", "JSON");
}

/**
 * A body without a media type is taken for what is accepted, as the Python service took it (RFC 9110, 8.3 leaves that to
 * the server).
 * @throws HttpError `unsupported_media_type`, with what is accepted in its headers (RFC 9110, 15.5.16; RFC 5789, 3.1)
 */
export function checkMediaType(request: HttpRequest, mediaTypes: RegExp, accepted: string, format: string): void {
  const mediaType = request.header("content-type");
  if (mediaType !== undefined && !mediaTypes.test(mediaType.trim())) {
    throw new HttpError(
      "unsupported_media_type",
      `The body has a media type that is not accepted here. Send ${format} in UTF-8, with Content-Type: ${accepted}.`,
      { accept: accepted, ...(request.method === "PATCH" && { "accept-patch": accepted }) },
    );
  }
  const encoding = request.header("content-encoding");
  if (encoding !== undefined && encoding.toLowerCase() !== "identity") {
    throw new HttpError(
      "unsupported_media_type",
      "The body is compressed. Send it as it is, without Content-Encoding.",
      { "accept-encoding": "identity" },
    );
  }
}

/**
 * What a body says, as the input of a service.
 * @throws InvalidRequestError for what is not JSON in UTF-8
 */
export function parseJsonBody(body: Uint8Array): unknown {
  return decode(parse(body), parseInstant);
}

function parse(body: Uint8Array): unknown {
  if (body.length === 0) throw invalid("has no body; send a JSON object");
  let text: string;
  try {
    text = utf8.decode(body);
  } catch {
    throw invalid("has a body that is not UTF-8");
  }
  try {
    return withLostIntegers(JSON.parse(text), text);
  } catch (error) {
    const position = /position (\d+)/.exec(String(error))?.[1];
    throw invalid(`has a body that is not valid JSON${position === undefined ? "" : `, from position ${position} on`}`);
  }
}

/** In JSON columns alone: a field that is a number says itself what it takes. */
function withLostIntegers(value: unknown, text: string): unknown {
  const marked = markLostIntegers(text);
  if (marked === text || typeof value !== "object" || value === null) return value;
  const fields: unknown = JSON.parse(marked);
  for (const name of Object.keys(value)) {
    if (isJsonField(toCamelCase(name) ?? "")) Reflect.set(value, name, Reflect.get(Object(fields), name));
  }
  return value;
}

function invalid(message: string): InvalidRequestError {
  return new InvalidRequestError([{ path: "", message }]);
}

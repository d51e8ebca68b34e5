import { MAX_STRUCTURE_TASKS, parseInstant } from "@flux/dao-core/contract";
import { fieldNameOf, isJsonField } from "../wire/field-names.ts";
import { decode } from "../wire/json.ts";
import { NDJSON } from "../wire/ndjson.ts";
import { HttpError, InvalidRequestError } from "./http-error.ts";
import type { HttpRequest } from "./http-message.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** The only charset of JSON is UTF-8 (RFC 8259, 8.1); other parameters are ignored. */
const noOtherCharset = /(?!.*;[ \t]*charset=(?!"?utf-?8"?[ \t]*(?:;|$)))/.source;

const mediaTypeOf = (subtype: string) => new RegExp(`^application/(?:${subtype})${noOtherCharset}[ \\t]*(?:;|$)`, "i");

const formats = {
  JSON: { accepted: "application/json", mediaType: mediaTypeOf("json") },
  NDJSON: { accepted: NDJSON, mediaType: mediaTypeOf("x-ndjson|ndjson") },
};

/**
 * A body without a media type is assumed to have the accepted one, as in the Python service (RFC 9110, 8.3 leaves that to the
 * server).
 * @throws HttpError `unsupported_media_type`, with the accepted one in its headers (RFC 9110, 15.5.16; RFC 5789, 3.1)
 */
export function checkMediaType(request: HttpRequest, format: keyof typeof formats): void {
  const { accepted, mediaType } = formats[format];
  const sent = request.header("content-type");
  if (sent !== undefined && !mediaType.test(sent.trim())) {
    throw new HttpError(
      "unsupported_media_type",
      `The body has a media type that is not accepted here. Send ${format} in UTF-8, with Content-Type: ${accepted}.`,
      { accept: accepted, ...(request.method === "PATCH" && { "accept-patch": accepted }) },
    );
  }
  const encoding = request.header("content-encoding")?.toLowerCase() ?? "identity";
  if (encoding !== "identity") {
    throw new HttpError(
      "unsupported_media_type",
      "The body is compressed. Send it as it is, without Content-Encoding.",
      { "accept-encoding": "identity" },
    );
  }
}

/** The longest list of the contract is that of a structure's tasks. */
const reading = { instant: parseInstant, nameOf: fieldNameOf, maxItems: MAX_STRUCTURE_TASKS };

/**
 * Decodes a body into the input of a service.
 * @throws InvalidRequestError if it is not JSON in UTF-8
 */
export function parseJsonBody(body: Uint8Array): unknown {
  return decode(parse(body), reading);
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

/** Only in JSON columns: fields that are numbers have ranges of their own. */
function withLostIntegers(value: unknown, text: string): unknown {
  const marked = markLostIntegers(text);
  if (marked === text || typeof value !== "object" || value === null) return value;
  const fields: unknown = JSON.parse(marked);
  for (const name of Object.keys(value)) {
    if (isJsonField(fieldNameOf(name) ?? "")) Reflect.set(value, name, Reflect.get(Object(fields), name));
  }
  return value;
}

function invalid(message: string): InvalidRequestError {
  return new InvalidRequestError([{ path: "", message }]);
}

/** A whole number with enough digits to lose precision; with a fraction or an exponent, it is a float to every writer. */
const longInteger = /(?<![\d.eE+-])-?\d{16,}(?![\d.eE])/g;

/**
 * Puts each whole number that JavaScript would change out of range, so that validation refuses it: `JSON.parse` on Node 20 has no
 * other way to report it.
 * @param text valid JSON
 */
export function markLostIntegers(text: string): string {
  let read = 0;
  let isInString = false;
  return text.replace(longInteger, (number, at: number) => {
    if (number.replace("-", "") === "9007199254740992" || Number.isSafeInteger(+number)) return number;
    // Each quotation mark that is not escaped begins or ends a string.
    const before = text.slice(read, at).replace(/\\./g, "");
    for (let mark = before.indexOf('"'); mark !== -1; mark = before.indexOf('"', mark + 1)) isInString = !isInString;
    read = at;
    return isInString ? number : "1e999";
  });
}

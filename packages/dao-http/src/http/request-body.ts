import { MAX_STRUCTURE_TASKS, parseInstant } from "@flux/dao-core/contract";
import { decode, fieldNameOf, isJsonField, NDJSON, type Reading } from "../wire/json.ts";
import { MIN_PROGRESS } from "../wire/limits.ts";
import type { HttpRequest } from "./http-message.ts";
import { bodyTooLarge, HttpError, InvalidRequestError, invalidRequest } from "./problem.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** The only charset of JSON is UTF-8 (RFC 8259, 8.1); other parameters are ignored. */
const noOtherCharset = /(?!.*;[ \t]*charset=(?!"?utf-?8"?[ \t]*(?:;|$)))/.source;

const mediaTypeOf = (subtype: string) => new RegExp(`^application/(?:${subtype})${noOtherCharset}[ \\t]*(?:;|$)`, "i");

const formats = {
  JSON: { accepted: "application/json", mediaType: mediaTypeOf("json") },
  NDJSON: { accepted: NDJSON, mediaType: mediaTypeOf("x-ndjson|ndjson") },
};

/** A body without a media type is assumed to have the accepted one, as in the Python service. */
export function checkMediaType(request: HttpRequest, format: keyof typeof formats): void {
  const { accepted, mediaType } = formats[format];
  const sent = request.header("content-type");
  if (sent !== undefined && sent !== accepted && !mediaType.test(sent.trim())) {
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

/**
 * The pieces of a body, of which {@link MIN_PROGRESS} bytes, or the end, must arrive in each `timeout`. Only time spent waiting
 * for the sender counts, not the time that the service needs to write rows.
 * @param stop aborts when the body is too slow; aborting it ends the reading with its reason
 */
export async function* bodyInTime(request: HttpRequest, timeout: number, stop = new AbortController()) {
  let [bytes, waited] = [0, 0];
  let timer: ReturnType<typeof setTimeout> | undefined;
  let since = 0;
  const wait = () => {
    since = performance.now();
    timer = setTimeout(() => stop.abort(bodyTooSlow(timeout)), timeout - waited);
  };
  try {
    wait();
    for await (const chunk of request.readChunks(stop.signal)) {
      clearTimeout(timer);
      waited += performance.now() - since;
      bytes += chunk.length;
      if (bytes >= MIN_PROGRESS) [bytes, waited] = [0, 0];
      yield chunk;
      wait();
    }
  } finally {
    clearTimeout(timer);
  }
}

function bodyTooSlow(timeout: number): HttpError {
  return new HttpError(
    "request_timeout",
    `The body arrived too slowly: less than ${MIN_PROGRESS} bytes in ${timeout / 1_000} s of waiting for it. Send it again, without pauses.`,
    { connection: "close" },
  );
}

/** Joins pieces of bytes as they arrive. A list of chunks of one byte would retain the network packet of each. */
export class CollectedBytes {
  #bytes: Uint8Array = new Uint8Array();
  #length = 0;

  get length(): number {
    return this.#length;
  }

  append(piece: Uint8Array): void {
    const length = this.#length + piece.length;
    // Usually there is a single piece, which needs no copy. It has no spare room, so later pieces are never written into it.
    if (this.#length === 0) this.#bytes = piece;
    else {
      if (length > this.#bytes.length) {
        const larger = new Uint8Array(2 * length);
        larger.set(this.#bytes);
        this.#bytes = larger;
      }
      this.#bytes.set(piece, this.#length);
    }
    this.#length = length;
  }

  /** Returns all bytes so far; starts over with the next piece. */
  take(): Uint8Array {
    const bytes = this.#bytes.subarray(0, this.#length);
    this.#bytes = new Uint8Array();
    this.#length = 0;
    return bytes;
  }
}

/**
 * The values of an NDJSON body, as inputs of a service, read on demand. Blank lines of any length are skipped.
 * @param limit bytes that a line may have; the body may have any number of lines
 * @throws InvalidRequestError, whose paths begin with the number of the value, from 0; what {@link bodyInTime} throws
 */
export function readNdjson(request: HttpRequest, limit: number, timeout: number): AsyncIterable<unknown> {
  checkMediaType(request, "NDJSON");
  return valuesOf(bodyInTime(request, timeout), limit);
}

const LINE_FEED = 0x0a;

async function* valuesOf(chunks: AsyncIterable<Uint8Array>, limit: number): AsyncGenerator<unknown, void, undefined> {
  let count = 0;
  const line = new CollectedBytes();
  for await (const chunk of chunks) {
    for (let from = 0; from < chunk.length; ) {
      if (line.length === 0) from = endOfWhiteSpace(chunk, from);
      const end = chunk.indexOf(LINE_FEED, from);
      const piece = chunk.subarray(from, end === -1 ? undefined : end);
      if (line.length + piece.length > limit) throw bodyTooLarge(limit);
      line.append(piece);
      if (end === -1) break;
      yield parseLine(line.take(), count++);
      from = end + 1;
    }
  }
  if (line.length > 0) yield parseLine(line.take(), count);
}

/** The index of the first byte that is not white space in JSON. */
function endOfWhiteSpace(bytes: Uint8Array, from: number): number {
  let at = from;
  for (let byte = bytes[at]; byte === 0x20 || byte === 0x09 || byte === 0x0d || byte === LINE_FEED; byte = bytes[at])
    at++;
  return at;
}

function parseLine(line: Uint8Array, number: number): unknown {
  try {
    return parseJsonBody(line);
  } catch (error) {
    if (!(error instanceof InvalidRequestError)) throw error;
    throw new InvalidRequestError(error.issues.map(({ message }) => ({ path: String(number), message })));
  }
}

/** The longest list of the contract is that of a structure's tasks. */
const reading: Reading = { instant: parseInstant, maxItems: MAX_STRUCTURE_TASKS, nameOf: fieldNameOf };

/** @param names the names of fields; default: those of the contract, and no others */
export function parseJsonBody(body: Uint8Array, names: Pick<Reading, "nameOf"> = reading): unknown {
  if (body.length === 0) throw invalidRequest("has no body; send a JSON object");
  let text: string;
  try {
    text = utf8.decode(body);
  } catch {
    throw invalidRequest("has a body that is not UTF-8");
  }
  try {
    return decode(withLostIntegers(JSON.parse(text), text), names === reading ? reading : { ...reading, ...names });
  } catch (error) {
    const position = /position (\d+)/.exec(String(error))?.[1];
    throw invalidRequest(
      `has a body that is not valid JSON${position === undefined ? "" : `, from position ${position} on`}`,
    );
  }
}

/** Only in JSON columns: numeric fields have ranges of their own. */
function withLostIntegers(value: unknown, text: string): unknown {
  if (!sixteenDigits.test(text) || !hasJsonField(value)) return value;
  const marked = markLostIntegers(text);
  if (marked !== text) replaceJsonFields(value, JSON.parse(marked));
  return value;
}

/** What no id and no instant has. */
const sixteenDigits = /\d{16}/;

/** In a batch: those of a body of its operations. A hostile depth would overflow the stack. */
const JSON_FIELD_DEPTH = 3;

const isWireNameOfJson = (name: string): boolean => isJsonField(fieldNameOf(name) ?? "");

function hasJsonField(value: unknown, depth = 0): boolean {
  if (typeof value !== "object" || value === null || depth > JSON_FIELD_DEPTH) return false;
  if (Array.isArray(value)) return value.some((member) => hasJsonField(member, depth + 1));
  return Object.keys(value).some((name) => isWireNameOfJson(name) || hasJsonField(Reflect.get(value, name), depth + 1));
}

/** Those of `value` and of the objects in it by those of `other`, which has the same structure. */
function replaceJsonFields(value: unknown, other: unknown, depth = 0): void {
  if (typeof value !== "object" || value === null || depth > JSON_FIELD_DEPTH) return;
  for (const [name, member] of Object.entries(value)) {
    const replacement: unknown = Reflect.get(Object(other), name);
    if (isWireNameOfJson(name)) Reflect.set(value, name, replacement);
    else replaceJsonFields(member, replacement, depth + 1);
  }
}

/** A whole number with enough digits to lose precision; with a fraction or an exponent, it is a float to every writer. */
const longInteger = /(?<![\d.eE+-])-?\d{16,}(?![\d.eE])/g;

/** Moves each whole number that JavaScript would change out of range, so that validation rejects it. */
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

import { bodyTooLarge } from "./body-errors.ts";
import { InvalidRequestError } from "./http-error.ts";
import type { HttpRequest } from "./http-message.ts";
import { checkMediaType, mediaTypeOf, parseJsonBody } from "./json-body.ts";

const NEWLINE = 0x0a;

/** `application/x-ndjson` is what the format calls itself; it is registered under no name. */
const ndjsonMediaType = mediaTypeOf("x-ndjson|ndjson");

/**
 * The values of a body that has one JSON text a line (NDJSON), as inputs of a service, read as they are asked for. Blank
 * lines are passed over.
 * @param limit bytes that a line may have; the body may have any number of lines
 * @throws HttpError `unsupported_media_type`, `payload_too_large`; InvalidRequestError, whose paths begin with the number
 *   of the value, from 0, for what is not JSON in UTF-8, and for a body that broke off
 */
export async function* readNdjson(request: HttpRequest, limit: number): AsyncGenerator<unknown, void, undefined> {
  checkMediaType(request, ndjsonMediaType, "application/x-ndjson", "NDJSON");
  let count = 0;
  for await (const line of linesOf(request.readChunks(), limit)) {
    if (!isBlank(line)) yield parseLine(line, count++);
  }
}

function parseLine(line: Uint8Array, number: number): unknown {
  try {
    return parseJsonBody(line);
  } catch (error) {
    if (!(error instanceof InvalidRequestError)) throw error;
    throw new InvalidRequestError(error.issues.map(({ message }) => ({ path: String(number), message })));
  }
}

/** The lines without their ends. The last may have none. */
async function* linesOf(chunks: AsyncIterable<Uint8Array>, limit: number): AsyncGenerator<Uint8Array> {
  let begun: Uint8Array[] = [];
  let length = 0;
  const finish = (end: Uint8Array): Uint8Array => {
    const line = begun.length === 0 ? end : Buffer.concat([...begun, end]);
    begun = [];
    length = 0;
    return line;
  };
  for await (const chunk of chunks) {
    let from = 0;
    for (let at = chunk.indexOf(NEWLINE); at !== -1; at = chunk.indexOf(NEWLINE, from)) {
      if (length + at - from > limit) throw bodyTooLarge(limit);
      yield finish(chunk.subarray(from, at));
      from = at + 1;
    }
    const rest = chunk.subarray(from);
    length += rest.length;
    if (length > limit) throw bodyTooLarge(limit);
    if (rest.length > 0) begun.push(rest);
  }
  if (length > 0) yield finish(new Uint8Array());
}

/** Nothing but the white space of JSON. */
function isBlank(line: Uint8Array): boolean {
  return line.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d);
}

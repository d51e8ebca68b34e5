import { BodyPace } from "./body-pace.ts";
import { CollectedBytes } from "./collected-bytes.ts";
import { bodyTooLarge, InvalidRequestError } from "./http-error.ts";
import type { HttpRequest } from "./http-message.ts";
import { checkMediaType, mediaTypeOf, parseJsonBody } from "./json-body.ts";

const NEWLINE = 0x0a;

/** `application/x-ndjson` is what the format calls itself; it is registered under no name. */
const ndjsonMediaType = mediaTypeOf("x-ndjson|ndjson");

/**
 * The values of a body that has one JSON text a line (NDJSON), as inputs of a service, read as they are asked for. Blank
 * lines are passed over, however long.
 * @param limit bytes that a line may have; the body may have any number of lines
 * @param timeout milliseconds ({@link BodyPace})
 * @throws HttpError `unsupported_media_type`, `payload_too_large`, `request_timeout`; InvalidRequestError, whose paths begin with the number
 *   of the value, from 0, for what is not JSON in UTF-8, and for a body that broke off
 */
export function readNdjson(
  request: HttpRequest,
  limit: number,
  timeout: number,
): AsyncGenerator<unknown, void, undefined> {
  checkMediaType(request, ndjsonMediaType, "application/x-ndjson", "NDJSON");
  return valuesOf(inTime(request, timeout), limit);
}

async function* valuesOf(chunks: AsyncIterable<Uint8Array>, limit: number): AsyncGenerator<unknown, void, undefined> {
  let count = 0;
  for await (const line of linesOf(chunks, limit)) {
    yield parseLine(line, count++);
  }
}

/** The pieces of a body, each of which is waited for no longer than its pace allows. */
async function* inTime(request: HttpRequest, timeout: number): AsyncGenerator<Uint8Array> {
  const late = new AbortController();
  const pace = new BodyPace(timeout, (error) => late.abort(error));
  pace.start();
  try {
    for await (const chunk of request.readChunks(late.signal)) {
      pace.add(chunk.length);
      pace.stop();
      yield chunk;
      pace.start();
    }
  } finally {
    pace.stop();
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

/**
 * The lines without their ends; the last may have none. White space before a line is passed over, blank lines among it, in
 * the turn in which it came: as lines, a megabyte of it would take a million turns.
 */
async function* linesOf(chunks: AsyncIterable<Uint8Array>, limit: number): AsyncGenerator<Uint8Array> {
  const line = new CollectedBytes();
  for await (const chunk of chunks) {
    for (let from = 0; from < chunk.length; ) {
      if (line.length === 0) from = endOfWhiteSpace(chunk, from);
      const end = chunk.indexOf(NEWLINE, from);
      const piece = chunk.subarray(from, end === -1 ? undefined : end);
      if (line.length + piece.length > limit) throw bodyTooLarge(limit);
      line.append(piece);
      if (end === -1) break;
      yield line.take();
      from = end + 1;
    }
  }
  if (line.length > 0) yield line.take();
}

/** Where something begins that is not the white space of JSON. */
function endOfWhiteSpace(bytes: Uint8Array, from: number): number {
  let at = from;
  for (let byte = bytes[at]; byte === 0x20 || byte === 0x09 || byte === 0x0d || byte === NEWLINE; byte = bytes[at])
    at++;
  return at;
}

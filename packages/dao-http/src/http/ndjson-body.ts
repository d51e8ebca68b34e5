import { LineSplitter, NDJSON } from "../wire/ndjson.ts";
import { BodyPace } from "./body-pace.ts";
import { bodyTooLarge, InvalidRequestError } from "./http-error.ts";
import type { HttpRequest } from "./http-message.ts";
import { checkMediaType, mediaTypeOf, parseJsonBody } from "./json-body.ts";

const ndjsonMediaType = mediaTypeOf("x-ndjson|ndjson");

/**
 * The values of an NDJSON body, as inputs of a service, read as they are asked for. Blank lines are skipped, however long.
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
  checkMediaType(request, ndjsonMediaType, NDJSON, "NDJSON");
  return valuesOf(inTime(request, timeout), limit);
}

async function* valuesOf(chunks: AsyncIterable<Uint8Array>, limit: number): AsyncGenerator<unknown, void, undefined> {
  let count = 0;
  const splitter = new LineSplitter((bytes) => {
    if (bytes > limit) throw bodyTooLarge(limit);
  });
  for await (const chunk of chunks) {
    for (const line of splitter.linesOf(chunk)) yield parseLine(line, count++);
  }
  const rest = splitter.rest();
  if (rest.length > 0) yield parseLine(rest, count);
}

/** The pieces of a body, each awaited no longer than its pace allows. */
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

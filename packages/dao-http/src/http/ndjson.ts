import { encode } from "../wire/json.ts";
import { NDJSON_CHUNK_MEMORY } from "../wire/limits.ts";
import { cursorLine, LineSplitter, nextChunk } from "../wire/ndjson.ts";
import { BodyPace } from "./body-pace.ts";
import { bodyTooLarge, InvalidRequestError } from "./http-error.ts";
import type { HttpRequest } from "./http-message.ts";
import { checkMediaType, parseJsonBody } from "./json-body.ts";
import type { PartMemory } from "./json-parts.ts";
import { bodyOf } from "./response-body.ts";

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
  checkMediaType(request, "NDJSON");
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

/** The cursor lines of a stream. */
export class CursorLines {
  #cursor: string | undefined;

  /** Records the cursor after the row that was read last. */
  readonly add = (cursor: string): void => {
    this.#cursor = cursor;
  };

  /** The line for the last recorded cursor; empty for none since the last call. */
  take(): string {
    const cursor = this.#cursor;
    this.#cursor = undefined;
    return cursor === undefined ? "" : cursorLine(cursor);
  }

  readonly end = cursorLine(null);
}

/**
 * The rows as NDJSON. The first is awaited, so that an invalid request is known before the response begins; the others are
 * read as they are sent.
 * @param memory the stream takes what it holds from it before each chunk; its end should end the query behind `rows`
 * @param lines receives the cursors of `rows`; `undefined` for rows alone
 */
export async function toNdjson(
  rows: AsyncIterable<unknown>,
  memory: PartMemory,
  lines?: CursorLines,
): Promise<AsyncIterable<string>> {
  const iterator = rows[Symbol.asyncIterator]();
  let first: IteratorResult<unknown> | undefined = await iterator.next();
  const nextRow = () => {
    const row = first ?? iterator.next();
    first = undefined;
    return row;
  };
  // The reading of a row reports the cursor after the rows before it.
  const lineOf = (row: unknown) => (lines === undefined ? encode(row) : lines.take() + encode(row));
  let isEnded = false;
  const next = async (): Promise<IteratorResult<string, undefined>> => {
    if (isEnded) return { done: true, value: undefined };
    await memory.take(NDJSON_CHUNK_MEMORY);
    const { text, isLast } = await nextChunk({ next: nextRow }, lineOf);
    isEnded = isLast;
    const chunk = isLast && lines !== undefined ? text + lines.take() + lines.end : text;
    if (chunk.length > NDJSON_CHUNK_MEMORY / 2) memory.hold(2 * chunk.length);
    return chunk === "" ? { done: true, value: undefined } : { done: false, value: chunk };
  };
  return bodyOf(next, () => iterator.return?.());
}

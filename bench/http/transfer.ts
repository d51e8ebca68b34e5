import { once } from "node:events";
import { type IncomingMessage, request as sendRequest } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

/** A long response or a long request body, line by line. */
export interface Transfer {
  readonly port: number;
  readonly path: string;
  readonly serviceKey: string;
  /** The lines of the body; `undefined` for a request without one. */
  readonly lines: Iterable<string> | undefined;
}

/** @returns the response's text if it is short, and its number of lines */
export async function transfer({ port, path, serviceKey, lines }: Transfer): Promise<{ text: string; lines: number }> {
  const request = sendRequest({
    host: "127.0.0.1",
    port,
    path,
    method: lines === undefined ? "GET" : "POST",
    headers: { "x-flux-service-key": serviceKey, "content-type": "application/x-ndjson" },
  });
  const responded = once(request, "response") as Promise<[IncomingMessage]>;
  if (lines === undefined) request.end();
  else await pipeline(Readable.from(inBlocks(lines)), request);
  const [response] = await responded;
  let count = 0;
  let text = "";
  for await (const chunk of response as AsyncIterable<Buffer>) {
    for (let at = chunk.indexOf(NEWLINE); at !== -1; at = chunk.indexOf(NEWLINE, at + 1)) count++;
    if (text.length < 1_000) text += chunk.toString("utf8", 0, 1_000);
  }
  if (response.statusCode === undefined || response.statusCode >= 300) {
    throw new Error(`${path} returned ${response.statusCode}: ${text}`);
  }
  return { text, lines: count };
}

const NEWLINE = 10;

/** Few large writes instead of many small ones. */
function* inBlocks(lines: Iterable<string>): Generator<string> {
  let block = "";
  for (const line of lines) {
    block += `${line}\n`;
    if (block.length < 65_536) continue;
    yield block;
    block = "";
  }
  yield block;
}

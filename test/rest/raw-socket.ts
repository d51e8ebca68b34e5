import { connect } from "node:net";

/** A response as received on the socket. */
export interface RawResponse {
  readonly status: number;
  /** Names in lower case; of repeated headers the last one. */
  readonly headers: Readonly<Record<string, string>>;
  /** Everything after the headers, including chunk framing. */
  readonly text: string;
}

/**
 * Sends bytes that no HTTP client would, and reads the response: to its end by Content-Length, else until the server
 * closes, for which `requestHead` asks.
 *
 * `fetch` normalizes paths, combines headers of one name, and does not stop halfway.
 */
export async function sendRaw(baseUrl: string, ...parts: (string | Uint8Array)[]): Promise<RawResponse> {
  return parse(await exchange(baseUrl, parts, isWhole));
}

/** Sends bytes, and returns everything received until the server closes: several responses, if it accepts them so. */
export function sendRawForAll(baseUrl: string, ...parts: (string | Uint8Array)[]): Promise<string> {
  return exchange(baseUrl, parts, () => false);
}

async function exchange(baseUrl: string, parts: (string | Uint8Array)[], isEnough: (answer: string) => boolean) {
  const { hostname, port } = new URL(baseUrl);
  const socket = connect(Number(port), hostname);
  const received: Buffer[] = [];
  let failure: unknown;
  const answered = new Promise<void>((resolve) => {
    socket.on("data", (chunk) => {
      received.push(chunk);
      if (isEnough(Buffer.concat(received).toString("latin1"))) resolve();
    });
    // The server may respond and close before all of a body is written; its response counts, not the EPIPE.
    socket.on("error", (error) => {
      failure = error;
    });
    socket.on("close", () => resolve());
  });
  for (const part of parts) socket.write(part);
  await answered;
  socket.destroy();
  const answer = Buffer.concat(received).toString("utf8");
  if (answer === "") throw new Error("the server closed without a response", { cause: failure });
  return answer;
}

/** Whether the body is complete by the response's Content-Length; characters are bytes here. */
function isWhole(answer: string): boolean {
  const end = answer.indexOf("\r\n\r\n");
  const length = /\r\ncontent-length: *(\d+)/i.exec(answer.slice(0, end))?.[1];
  return end !== -1 && length !== undefined && answer.length >= end + 4 + Number(length);
}

/** The head of a request, with a valid key. */
export function requestHead(method: string, target: string, ...headers: string[]): string {
  const lines = [`${method} ${target} HTTP/1.1`, "Host: localhost", "Connection: close", ...headers];
  return `${lines.join("\r\n")}\r\n\r\n`;
}

/** A body in chunks of 64 KiB, as from a sender that does not know the length yet. */
export function* chunked(body: Uint8Array): Generator<Uint8Array | string> {
  const size = 65_536;
  for (let from = 0; from < body.length; from += size) {
    const chunk = body.subarray(from, from + size);
    yield `${chunk.length.toString(16)}\r\n`;
    yield chunk;
    yield "\r\n";
  }
  yield "0\r\n\r\n";
}

function parse(answer: string): RawResponse {
  const end = answer.indexOf("\r\n\r\n");
  const [statusLine = "", ...lines] = answer.slice(0, end).split("\r\n");
  const headers = lines.map((line): [string, string] => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  });
  return {
    status: Number(statusLine.split(" ")[1]),
    headers: Object.fromEntries(headers),
    text: answer.slice(end + 4),
  };
}

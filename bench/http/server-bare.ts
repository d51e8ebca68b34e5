/**
 * The HTTP yardstick: Node's own server, hand-written SQL and JSON.stringify, without keys, validation or a log.
 * `server-bare.js <database URL>` prints its port to standard error.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { handwrittenRoutes } from "./handwritten-routes.ts";

const unchecked = (text: string) => text;
const respond = handwrittenRoutes(process.argv[2] ?? "", { readBody, id: unchecked, instant: unchecked, send });

const server = createServer((request, response) => {
  respond(request, response).catch((error: unknown) => {
    console.error(error);
    response.writeHead(500).end();
  });
});
server.listen(0, "127.0.0.1", () => console.error(`Port ${(server.address() as AddressInfo).port}`));

function send(_: IncomingMessage, response: ServerResponse, status: number, value: unknown): void {
  if (value === undefined) {
    response.writeHead(404).end();
    return;
  }
  const body = JSON.stringify(value);
  const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
  response.writeHead(status, headers).end(body);
}

function readBody<Body>(request: IncomingMessage): Promise<Body> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => resolve(JSON.parse(Buffer.concat(chunks).toString())));
    request.on("error", reject);
  });
}

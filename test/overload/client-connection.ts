import { once } from "node:events";
import { createConnection, type Socket } from "node:net";

/** A whole response, or how the connection ended before there was one. */
export type Outcome =
  | {
      readonly status: number;
      readonly hasRetryAfter: boolean;
      /** Whether the server announced that it closes the connection after it. */
      readonly isLast: boolean;
    }
  | { readonly status: undefined; readonly loss: string };

const HEAD_END = Buffer.from("\r\n\r\n");

/** One keep-alive connection, which sends a request when the previous response is complete, and parses no more than it must. */
export class ClientConnection {
  readonly #socket: Socket;
  #received: Buffer = Buffer.alloc(0);
  /** Bytes of the response, once its head has arrived. */
  #expected: number | undefined;
  #head: { status: number; hasRetryAfter: boolean; isLast: boolean } | undefined;
  #settle: ((outcome: Outcome) => void) | undefined;
  #loss: string | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on("data", (chunk) => this.#receive(chunk));
    socket.on("error", (error: NodeJS.ErrnoException) => this.#lose(error.code ?? error.message));
    socket.on("end", () => this.#lose("closed by the server"));
    socket.on("close", () => this.#lose("closed"));
  }

  /** @throws Error if the connection cannot be opened */
  static async open(port: number): Promise<ClientConnection> {
    const socket = createConnection(port, "127.0.0.1");
    await once(socket, "connect");
    return new ClientConnection(socket);
  }

  /** Whether the server has closed it. */
  get isClosed(): boolean {
    return this.#loss !== undefined;
  }

  /** Resolves when the response is complete, or can no longer be completed. */
  send(request: Buffer): Promise<Outcome> {
    if (this.#loss !== undefined) return Promise.resolve({ status: undefined, loss: `unsent: ${this.#loss}` });
    return new Promise((resolve) => {
      this.#settle = resolve;
      this.#socket.write(request);
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #lose(loss: string): void {
    this.#loss ??= loss;
    this.#end({ status: undefined, loss: this.#loss });
  }

  #end(outcome: Outcome): void {
    const settle = this.#settle;
    this.#settle = undefined;
    settle?.(outcome);
  }

  #receive(chunk: Buffer): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    if (this.#expected === undefined) this.#readHead();
    if (this.#head === undefined || this.#expected === undefined || this.#received.length < this.#expected) return;
    const head = this.#head;
    this.#received = Buffer.alloc(0);
    this.#expected = undefined;
    this.#end(head);
  }

  #readHead(): void {
    const end = this.#received.indexOf(HEAD_END);
    if (end === -1) return;
    const head = this.#received.toString("latin1", 0, end).toLowerCase();
    const length = /\r\ncontent-length: *(\d+)/.exec(head)?.[1] ?? "0";
    this.#head = {
      status: Number(head.slice(9, 12)),
      hasRetryAfter: /\r\nretry-after: *\d+/.test(head),
      isLast: head.includes("\r\nconnection: close"),
    };
    this.#expected = end + HEAD_END.length + Number(length);
  }
}

/** A request as bytes. */
export function requestBytes(key: string, method: string, path: string, body?: object): Buffer {
  const content = body === undefined ? "" : JSON.stringify(body);
  const head = [`${method} ${path} HTTP/1.1`, "Host: 127.0.0.1", `X-Flux-Service-Key: ${key}`];
  if (body !== undefined) {
    head.push("Content-Type: application/json", `Content-Length: ${Buffer.byteLength(content)}`);
  }
  return Buffer.from(`${head.join("\r\n")}\r\n\r\n${content}`);
}

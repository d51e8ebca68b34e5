import { once } from "node:events";
import { createConnection, type Socket } from "node:net";

const HEAD_END = Buffer.from("\r\n\r\n");

/**
 * One kept-alive connection that sends a request when the one before is answered. It reads no more of an answer than it
 * must, so that the load takes little of the processor from the server.
 */
export class Connection {
  readonly #socket: Socket;
  #received: Buffer[] = [];
  #length = 0;
  /** Bytes that the answer has, once its head is here. */
  #expected: number | undefined;
  #waiting: { resolve(status: number): void; reject(error: Error): void } | undefined;
  #status = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => this.#receive(chunk));
    socket.on("error", (error) => this.#waiting?.reject(error));
    socket.on("close", () => this.#waiting?.reject(new Error("The server closed the connection.")));
  }

  static async open(port: number): Promise<Connection> {
    const socket = createConnection(port, "127.0.0.1");
    await once(socket, "connect");
    return new Connection(socket);
  }

  /** @returns the answer's status, when all of it is here */
  send(request: Buffer): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#socket.write(request);
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #receive(chunk: Buffer): void {
    this.#received.push(chunk);
    this.#length += chunk.length;
    if (this.#expected === undefined) this.#readHead();
    if (this.#expected === undefined || this.#length < this.#expected) return;
    const waiting = this.#waiting;
    this.#received = [];
    this.#length = 0;
    this.#expected = undefined;
    waiting?.resolve(this.#status);
  }

  #readHead(): void {
    const start = this.#received.length === 1 ? this.#received[0] : Buffer.concat(this.#received);
    const end = start?.indexOf(HEAD_END) ?? -1;
    if (start === undefined || end === -1) return;
    const head = start.toString("latin1", 0, end);
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
    if (length === undefined) {
      this.#waiting?.reject(new Error("The answer has no Content-Length."));
      return;
    }
    this.#status = Number(head.slice(9, 12));
    this.#expected = end + HEAD_END.length + Number(length);
  }
}

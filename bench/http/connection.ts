import { once } from "node:events";
import { createConnection, type Socket } from "node:net";

const HEAD_END = Buffer.from("\r\n\r\n");

/**
 * A keep-alive connection that sends a request once the previous response is complete. It parses no more of a response than
 * necessary, so that the load generator takes little CPU time from the server.
 */
export class Connection {
  readonly #socket: Socket;
  #received: Buffer[] = [];
  #length = 0;
  /** Remaining bytes of the response, once its head has arrived. */
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

  /** @returns the response's status, once it is complete */
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
      this.#waiting?.reject(new Error("The response has no Content-Length."));
      return;
    }
    this.#status = Number(head.slice(9, 12));
    this.#expected = end + HEAD_END.length + Number(length);
  }
}

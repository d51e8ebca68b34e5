import { connect, createServer, type Server, type Socket } from "node:net";

const code = (type: string) => type.charCodeAt(0);
const IDLE = code("I");
/** Messages to which the server responds with one ReadyForQuery. */
const ANSWERED: readonly number[] = [code("Q"), code("S")];
/** SSLRequest and GSSENCRequest come before the start-up message, and have no type. */
const ENCRYPTION_REQUESTS: readonly number[] = [80_877_103, 80_877_104];

/** A connection to the server, whose transaction belongs to at most one client. */
interface Backend {
  readonly socket: Socket;
  client: Client | undefined;
  /** How many more ReadyForQuery messages it will send. */
  unanswered: number;
}

interface Client {
  readonly socket: Socket;
  backend: Backend | undefined;
  /** Whole messages that the client has sent while no backend was free. */
  readonly waiting: Buffer[];
  /** The client's previous backend. */
  last: Backend | undefined;
}

/**
 * A transaction-pooling proxy like PgBouncer: between transactions a client has no server connection, and for the next one it
 * gets a different one if possible. Each client's own login adds one connection, which is shared from then on.
 */
export class TransactionPooler implements AsyncDisposable {
  /** How often a client got another backend than its previous one. */
  switches = 0;
  /** The most statements that a client had in flight. */
  deepest = 0;
  readonly #server: Server;
  readonly #target: { readonly host: string; readonly port: number };
  readonly #backends: Backend[] = [];
  readonly #line: Client[] = [];
  readonly #sockets: Socket[] = [];

  private constructor(target: { readonly host: string; readonly port: number }) {
    this.#target = target;
    this.#server = createServer((socket) => this.#accept(socket));
  }

  /** Starts a pooler in front of the server at this URL. */
  static async start(url: string): Promise<TransactionPooler> {
    const { hostname, port } = new URL(url);
    const pooler = new TransactionPooler({ host: hostname, port: Number(port) });
    await new Promise<void>((resolve) => pooler.#server.listen(0, "127.0.0.1", resolve));
    return pooler;
  }

  /** The URL of the same database through the pooler. */
  through(url: string): string {
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("The pooler does not listen.");
    const own = new URL(url);
    own.hostname = "127.0.0.1";
    own.port = String(address.port);
    return own.href;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #accept(socket: Socket): void {
    // The first ReadyForQuery is the response to its start-up message.
    const backend: Backend = { socket: connect(this.#target), client: undefined, unanswered: 1 };
    const client: Client = { socket, backend, waiting: [], last: backend };
    backend.client = client;
    this.#backends.push(backend);
    const fromClient = new MessageReader((type, message) => this.#forward(client, type, message));
    let hasStarted = false;
    socket.on("data", (bytes) => {
      if (hasStarted) fromClient.read(bytes);
      else if (bytes.length === 8 && ENCRYPTION_REQUESTS.includes(bytes.readInt32BE(4))) socket.write("N");
      else {
        hasStarted = true;
        backend.socket.write(bytes);
      }
    });
    const fromServer = new MessageReader((type, message) => {
      backend.client?.socket.write(message);
      if (type !== code("Z")) return;
      backend.unanswered--;
      if (backend.unanswered === 0 && message[5] === IDLE) this.#release(backend);
    });
    backend.socket.on("data", (bytes) => fromServer.read(bytes));
    for (const each of [socket, backend.socket]) {
      // Messages are forwarded one by one, without delay.
      each.setNoDelay(true).on("error", () => undefined);
      this.#sockets.push(each);
    }
  }

  #forward(client: Client, type: number, message: Buffer): void {
    // The connection to the server stays open, as with a real pooler, so the client's Terminate is not forwarded.
    if (type === code("X")) return;
    if (client.backend !== undefined) this.#send(client.backend, message);
    else {
      if (client.waiting.length === 0) this.#line.push(client);
      client.waiting.push(message);
      this.#assign();
    }
  }

  #release(backend: Backend): void {
    if (backend.client !== undefined) backend.client.backend = undefined;
    backend.client = undefined;
    // To the end of the queue, so that all of them are used in turn.
    this.#backends.splice(this.#backends.indexOf(backend), 1);
    this.#backends.push(backend);
    this.#assign();
  }

  #assign(): void {
    for (;;) {
      const free = this.#backends.filter(({ unanswered, client }) => unanswered === 0 && client === undefined);
      const client = free.length === 0 ? undefined : this.#line.shift();
      const backend = free.find((each) => each !== client?.last) ?? free[0];
      if (backend === undefined || client === undefined) return;
      if (client.last !== backend) this.switches++;
      client.last = backend;
      client.backend = backend;
      backend.client = client;
      for (const message of client.waiting.splice(0)) this.#send(backend, message);
    }
  }

  #send(backend: Backend, message: Buffer): void {
    if (ANSWERED.includes(message[0] ?? 0)) backend.unanswered++;
    this.deepest = Math.max(this.deepest, backend.unanswered);
    backend.socket.write(message);
  }
}

/** Splits a byte stream into messages: a type, a length, a body. */
class MessageReader {
  #rest: Buffer<ArrayBufferLike> = Buffer.alloc(0);
  readonly #onMessage: (type: number, message: Buffer) => void;

  constructor(onMessage: (type: number, message: Buffer) => void) {
    this.#onMessage = onMessage;
  }

  read(bytes: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    while (this.#rest.length >= 5) {
      const end = 1 + this.#rest.readInt32BE(1);
      if (this.#rest.length < end) return;
      const message = this.#rest.subarray(0, end);
      this.#rest = this.#rest.subarray(end);
      this.#onMessage(message[0] ?? 0, message);
    }
  }
}

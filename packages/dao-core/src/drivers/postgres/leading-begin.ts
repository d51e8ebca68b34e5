import type { Socket } from "node:net";

const PARSE_COMPLETE = 0x31;
const BIND_COMPLETE = 0x32;
const COMMAND_COMPLETE = 0x43;
const ERROR_RESPONSE = 0x45;

/**
 * A BEGIN that travels with the statement after it, without a Sync between them: if it fails, the server skips that statement
 * (manual, 53.2.3). postgres.js ends each statement with a Sync, so the messages are put in front of what it writes next, and the
 * responses to them are kept from it. An error it takes for the statement's own.
 */
export class LeadingBegin {
  /** Whether the server has yet to respond to it. Not a method, since it is read for each message. */
  isAwaited = false;
  readonly #socket: Socket;
  readonly #write: Socket["write"];
  #isUnsent = false;
  #begun: (() => void) | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.#write = socket.write;
  }

  /**
   * Sends it with what is written to the socket next.
   * @param begun called when the server has begun the transaction, before the results of its first statement arrive
   */
  set(begin: string, begun: () => void): void {
    const messages = messagesOf(begin);
    this.#isUnsent = true;
    this.#begun = begun;
    const write = (chunk: Uint8Array, ...others: unknown[]): boolean => {
      const all = Buffer.concat([messages, chunk]);
      this.clear();
      this.isAwaited = true;
      return Reflect.apply(this.#write, this.#socket, [all, ...others]);
    };
    Object.assign(this.#socket, { write });
  }

  /** Forgets one that was not sent. */
  clear(): void {
    if (!this.#isUnsent) return;
    this.#isUnsent = false;
    this.#socket.write = this.#write;
  }

  /** Whether a message of this type, which has arrived while it {@link isAwaited}, is a response to it. */
  takes(type: number): boolean {
    if (type === PARSE_COMPLETE || type === BIND_COMPLETE) return true;
    if (type !== COMMAND_COMPLETE && type !== ERROR_RESPONSE) return false;
    this.isAwaited = false;
    if (type === ERROR_RESPONSE) return false;
    this.#begun?.();
    return true;
  }
}

const known = new Map<string, Buffer>();

/** Parse, Bind and Execute, of the unnamed statement and portal (manual, "Message Formats"). */
function messagesOf(begin: string): Buffer {
  const found = known.get(begin);
  if (found !== undefined) return found;
  const message = (type: string, body: string) => {
    const head = Buffer.from(`${type}\0\0\0\0`, "latin1");
    head.writeUInt32BE(body.length + 4, 1);
    return Buffer.concat([head, Buffer.from(body, "latin1")]);
  };
  const made = Buffer.concat([
    message("P", `\0${begin}\0\0\0`),
    message("B", "\0\0\0\0\0\0\0\0"),
    message("E", "\0\0\0\0\0"),
  ]);
  known.set(begin, made);
  return made;
}

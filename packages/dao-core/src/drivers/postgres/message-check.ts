import type { Socket } from "node:net";
import { codedError } from "../../session/postgres-errors.ts";
import type { LeadingBegin } from "./leading-begin.ts";

/** Maximum bytes of a message: for most types by libpq's rule (`pqParseInput3`), for those with values the server's own limit. */
const SHORT = 30_000;
const LONG = 0x3fff_ffff;

/** Maximum bytes of a row description: 1,664 columns, PostgreSQL's maximum, with names of 512 bytes. */
const DESCRIPTION = 1_000_000;

/** Maximum bytes that the server may send before its first ReadyForQuery. */
const LOGIN = 1_000_000;

/** Maximum message length by type byte, in response to our own statements, which use neither COPY nor portals. */
const longest = new Uint32Array(256);
for (const type of "12CInStZ") longest[type.charCodeAt(0)] = SHORT;
for (const type of "ADEN") longest[type.charCodeAt(0)] = LONG;
longest["T".charCodeAt(0)] = DESCRIPTION;

const DATA_ROW = 0x44;
const ROW_DESCRIPTION = 0x54;
const READY_FOR_QUERY = 0x5a;

/** Bytes of a message's type and length fields. */
const HEAD = 5;

/** Which authentication requests may follow each; 0 is success (PostgreSQL manual, 53.2.1 and 53.3). */
const FIRST_REQUESTS = [0, 3, 5, 10];
const nextRequests: Readonly<Record<number, readonly number[]>> = {
  0: [],
  3: [0],
  5: [0],
  10: [11],
  11: [12],
  12: [0],
};

/** Kerberos, GSSAPI and SSPI. */
const OTHER_LOGINS = [2, 6, 7, 8, 9];

const OTHER_LOGIN =
  "The server asks for a login by something other than a password (by itself, MD5 or SCRAM-SHA-256), which is all that can be " +
  "given. Correct its pg_hba.conf for this client.";

/** At most 999,999 rounds of hashing, which block this process for half a second. */
const SCRAM_CHALLENGE = /^r=[^,]+,s=[A-Za-z0-9+/]+={0,2},i=[1-9][0-9]{0,5}(,|$)/;

/**
 * Passes on only valid protocol messages, and destroys the socket with `EPROTO` otherwise. postgres.js trusts its peer: a
 * malformed login or an unrequested COPY ends the process, it reads a column name without an end indefinitely, and it waits for 4
 * GiB.
 */
export function checkMessages(socket: Socket, leading: LeadingBegin): Socket {
  const check = new MessageCheck(leading);
  const { emit } = socket;
  const emitChecked = (event: string | symbol, ...values: unknown[]): boolean => {
    const [chunk] = values;
    if (event !== "data" || !(chunk instanceof Buffer)) return Reflect.apply(emit, socket, [event, ...values]);
    const sound = check.take(chunk);
    const isHeard = sound.length === 0 || Reflect.apply(emit, socket, [event, sound]);
    if (check.breach !== undefined) socket.destroy(check.breach);
    return isHeard;
  };
  return Object.assign(socket, { emit: emitChecked });
}

/** Checks the messages of one connection, most of them only by their heads. Like postgres.js, it waits for the whole of each. */
class MessageCheck {
  /** What is wrong with the input; the rest of it is ignored. */
  breach: Error | undefined;
  #isLoggedIn = false;
  #loginBytes = 0;
  #requests: readonly number[] = FIRST_REQUESTS;
  /** The pieces received so far of a message. */
  #held: Buffer[] = [];
  #heldLength = 0;
  #needed = HEAD;
  readonly #leading: LeadingBegin;
  /** Of the result that arrives: those described, or, if it was described at an earlier use, the values of its first row. */
  #columns: number | undefined;

  constructor(leading: LeadingBegin) {
    this.#leading = leading;
  }

  /** @returns the valid part of the input, without an incomplete message, and without responses to a leading BEGIN */
  take(piece: Buffer): Buffer {
    const chunk = this.#joined(piece);
    return chunk === undefined ? NOTHING : this.#read(chunk);
  }

  #joined(piece: Buffer): Buffer | undefined {
    if (this.#heldLength === 0) return piece;
    this.#held.push(piece);
    this.#heldLength += piece.length;
    if (this.#heldLength < this.#needed) return undefined;
    const whole = Buffer.concat(this.#held);
    this.#held = [];
    this.#heldLength = 0;
    return whole;
  }

  #read(chunk: Buffer): Buffer {
    let isLoggedIn = this.#isLoggedIn;
    let from = 0;
    let start = 0;
    let needed = HEAD;
    let view: DataView | undefined;
    while (start + HEAD <= chunk.length) {
      const type = chunk[start] ?? 0;
      const length = lengthAt(chunk, start + 1);
      if (length < 4 || length > (isLoggedIn ? (longest[type] ?? 0) : SHORT))
        return this.#broken(chunk, from, start, "");
      needed = 1 + length;
      const end = start + needed;
      if (end > chunk.length) break;
      if (!isLoggedIn || type === ROW_DESCRIPTION) {
        const body = chunk.subarray(start + HEAD, end);
        const fault = isLoggedIn ? faultOfDescription(body) : this.#faultOfLogin(String.fromCharCode(type), body);
        if (fault !== undefined) return this.#broken(chunk, from, start, fault);
        if (type === READY_FOR_QUERY) this.#isLoggedIn = isLoggedIn = true;
        else if (isLoggedIn) this.#columns = body.readUInt16BE();
      } else if (type === DATA_ROW) {
        view ??= new DataView(chunk.buffer, chunk.byteOffset, chunk.length);
        const values = valuesOf(view, start + HEAD, end);
        if (values === undefined) return this.#broken(chunk, from, start, "a row whose values do not fill it");
        this.#columns ??= values;
        // postgres.js reads as many values as there are columns.
        if (values !== this.#columns) {
          return this.#broken(chunk, from, start, "a row without one value for each column");
        }
      } else {
        if (type === READY_FOR_QUERY) this.#columns = undefined;
        if (this.#leading.isAwaited && this.#leading.takes(type)) {
          // Whatever came before it moves up.
          chunk.copyWithin(from + needed, from, start);
          from += needed;
        }
      }
      needed = HEAD;
      start = end;
    }
    if (start === chunk.length) return from === 0 ? chunk : chunk.subarray(from);
    this.#held = [chunk.subarray(start)];
    this.#heldLength = chunk.length - start;
    this.#needed = needed;
    return chunk.subarray(from, start);
  }

  /** @returns what is wrong with a message before the first ReadyForQuery */
  #faultOfLogin(type: string, body: Buffer): string | undefined {
    this.#loginBytes += body.length;
    if (this.#loginBytes > LOGIN) return "a login without an end";
    const isDone = this.#requests.length === 0;
    if (type === "R") return this.#faultOfRequest(body);
    const isExpected =
      "EN".includes(type) ||
      (isDone && (type === "S" || (type === "K" && body.length === 8) || (type === "Z" && body.length === 1)));
    return isExpected ? undefined : "";
  }

  #faultOfRequest(body: Buffer): string | undefined {
    if (body.length < 4) return "";
    const request = body.readUInt32BE();
    const content = body.toString("latin1", 4);
    const isOther =
      OTHER_LOGINS.includes(request) || (request === 10 && !content.split("\0").includes("SCRAM-SHA-256"));
    if (isOther) this.breach = codedError("EPROTO", OTHER_LOGIN);
    if (isOther || !this.#requests.includes(request)) return "";
    this.#requests = nextRequests[request] ?? [];
    if (request === 5 && content.length !== 4) return "";
    return request === 11 && !SCRAM_CHALLENGE.test(content) ? "a SCRAM challenge of another form" : undefined;
  }

  #broken(chunk: Buffer, from: number, start: number, fault: string): Buffer {
    const [type, length] = [JSON.stringify(chunk.toString("latin1", start, start + 1)), lengthAt(chunk, start + 1)];
    const when = this.#isLoggedIn ? "after" : "before";
    const what = fault || `a message of type ${type} and length ${length} ${when} the end of the login`;
    this.breach ??= protocolError(what);
    return chunk.subarray(from, start);
  }
}

/** The error of a connection whose server sent `what`. */
export function protocolError(what: string): Error {
  return codedError(
    "EPROTO",
    `What listens at the database's address does not speak PostgreSQL's protocol: it sent ${what}.`,
  );
}

const NOTHING = Buffer.alloc(0);

/** `readUInt32BE`, which takes ten times as long. */
function lengthAt(chunk: Buffer, index: number): number {
  const low = ((chunk[index + 1] ?? 0) << 16) | ((chunk[index + 2] ?? 0) << 8) | (chunk[index + 3] ?? 0);
  return (chunk[index] ?? 0) * 0x100_0000 + low;
}

/**
 * The number of a row's values, unless it is malformed: each is its length, -1 for NULL, and as many bytes.
 * @param view reads faster than the buffer itself
 */
function valuesOf(view: DataView, start: number, end: number): number | undefined {
  if (end < start + 2) return undefined;
  const values = view.getUint16(start);
  let index = start + 2;
  for (let left = values; left > 0; left--) {
    if (end < index + 4) return undefined;
    const length = view.getInt32(index);
    if (length < -1) return undefined;
    index += length === -1 ? 4 : 4 + length;
  }
  return index === end ? values : undefined;
}

/** Each column is a name that ends in NUL, and 18 bytes. */
function faultOfDescription(body: Buffer): string | undefined {
  const fault = "a description of columns that has no end";
  if (body.length < 2) return fault;
  let index = 2;
  for (let column = body.readUInt16BE(); column > 0; column--) {
    const end = body.indexOf(0, index);
    if (end < 0) return fault;
    index = end + 19;
  }
  return index === body.length ? undefined : fault;
}

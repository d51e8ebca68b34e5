import { connect, isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import type { SslMode } from "../../connection-string/database-url.ts";
import { CLOSE_GRACE } from "../../session/limits.ts";
import { codedError, connectionClosed } from "../../session/postgres-errors.ts";
import { limitWait } from "../../session/waiting/deadline.ts";
import { checkMessages } from "./message-check.ts";
import { checkServerIdentity } from "./server-identity.ts";

/** One or several PEM texts. */
type Pem = string | Buffer | (string | Buffer)[];

/** Where and how to connect. All times in milliseconds. */
export interface SocketOptions {
  /** A name or an address; an IPv6 one without brackets. */
  readonly host: string;
  readonly port: number;
  /** The file of a Unix socket, instead of host and port. There is no TLS on it, whatever the mode (as by libpq). */
  readonly path?: string | undefined;
  readonly sslMode: SslMode;
  /** For everything together: looking up the name, connecting, negotiating TLS. */
  readonly connectTimeout: number;
  /** How long a connection is silent before TCP keep-alive probes the peer. */
  readonly keepAlive: number;
  /** Certificates of the authorities to trust. Default: those of Node.js (its own, and `NODE_EXTRA_CA_CERTS`). */
  readonly ca?: Pem | undefined;
  /** The client's certificate and its private key, for servers that ask for one. */
  readonly cert?: Pem | undefined;
  readonly key?: Pem | undefined;
  /** The name that is requested by SNI, and that the server's certificate must have. Default: `host`. */
  readonly servername?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Length 8, code 80877103 (PostgreSQL manual, "Message Formats", SSLRequest). */
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]);

/**
 * Opens a connection to a PostgreSQL server, up to the startup message: TCP or a Unix socket, with TLS negotiated and the server
 * verified. On failure or abort nothing is left open. The loss of the socket does not end the process.
 *
 * @throws Error with a `code`: Node's own (`ENOTFOUND`, `ECONNREFUSED`, `ECONNRESET`…); `ETIMEDOUT` after `connectTimeout`;
 *   `ERR_TLS_NOT_OFFERED` if the mode needs TLS and the server has none; OpenSSL's for a certificate that is not trusted
 *   (`CERT_HAS_EXPIRED`…); `ERR_TLS_CERT_ALTNAME_INVALID` for one of another server; `EPROTO` for a peer that is not a PostgreSQL
 *   server; the signal's reason after an abort
 */
export async function openSocket(options: SocketOptions): Promise<Socket> {
  const { host, port, path, keepAlive, signal, connectTimeout } = options;
  signal?.throwIfAborted();
  const plain =
    path === undefined
      ? connect({ host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: keepAlive })
      : connect({ path });
  const opening = { peer: path ?? `${host}:${port}`, sockets: [plain.on("error", () => {})], awaited: "a connection" };
  const timeoutError = () =>
    codedError("ETIMEDOUT", `${opening.peer}: ${opening.awaited} was not had within ${connectTimeout} ms.`);
  let stopWatching: (() => void) | undefined;
  const interrupted = new Promise<never>((_, reject) => {
    stopWatching = limitWait(connectTimeout, signal, timeoutError, reject);
  });
  try {
    return await Promise.race([setUp(plain, opening, options), interrupted]);
  } catch (error) {
    for (const socket of opening.sockets.reverse()) socket.destroy();
    throw error;
  } finally {
    stopWatching?.();
  }
}

/** The only socket of a connection: postgres.js reconnects by itself, and would continue in the middle of lost work. */
export class SingleSocket {
  readonly #connect: (signal: AbortSignal) => Promise<Socket>;
  readonly #closing = new AbortController();
  #socket: Socket | undefined;
  #isOpened = false;

  /** @param connect opens a socket; an abort leaves none */
  constructor(connect: (signal: AbortSignal) => Promise<Socket>) {
    this.#connect = connect;
  }

  /** @throws what connecting throws; an error with the code `CONNECTION_CLOSED` the second time, or after the end */
  async open(): Promise<Socket> {
    const { signal } = this.#closing;
    if (this.#isOpened || signal.aborted) throw connectionClosed(signal.reason);
    this.#isOpened = true;
    const socket = await this.#connect(signal);
    if (signal.aborted) {
      socket.destroy();
      throw connectionClosed(signal.reason);
    }
    this.#socket = socket;
    return checkMessages(socket);
  }

  /** Opens no more sockets. */
  stopOpening(reason: unknown): void {
    this.#closing.abort(reason);
  }

  /** Closes it when all data has been sent, or after {@link CLOSE_GRACE}, since an unreachable peer would keep it open. */
  close(): void {
    this.#socket?.setTimeout(CLOSE_GRACE, () => this.#socket?.destroy()).destroySoon();
  }

  destroy(): void {
    this.#socket?.destroy();
  }
}

/** A connection that is being set up. */
interface Opening {
  readonly peer: string;
  /** The outer one, TLS, comes last. */
  readonly sockets: Socket[];
  /** The pending response of the peer. */
  awaited: string;
}

async function setUp(plain: Socket, opening: Opening, options: SocketOptions): Promise<Socket> {
  const { path, sslMode } = options;
  const { peer } = opening;
  await until(plain, "connect").catch((cause: unknown) => {
    throw explained(cause, `No connection to ${peer}`);
  });
  if (path !== undefined || sslMode === "disable") return plain;
  opening.awaited = "whether it offers TLS";
  if (await offersTls(plain, peer)) {
    opening.awaited = "the TLS handshake";
    return encrypt(plain, opening, options);
  }
  if (sslMode === "prefer" || sslMode === "allow") return plain;
  throw codedError(
    "ERR_TLS_NOT_OFFERED",
    `${peer} offers no TLS, which sslmode=${sslMode} needs. Switch it on there (ssl = on), or correct sslmode.`,
  );
}

async function offersTls(plain: Socket, peer: string): Promise<boolean> {
  plain.write(SSL_REQUEST);
  // Not "data": a socket paused after that would not start flowing for its next user.
  await until(plain, "readable");
  const response: Buffer | null = plain.read();
  const kind = response?.toString("latin1", 0, 1);
  if (kind === undefined) throw closedEarly(peer);
  if (kind === "E") throw codedError("EPROTO", `${peer} refused to say whether it offers TLS.`);
  if (kind !== "S" && kind !== "N") throw codedError("EPROTO", `${peer} does not speak PostgreSQL's protocol.`);
  // A man in the middle could inject the first bytes of the encrypted conversation (CVE-2021-23222).
  if (response?.length !== 1) throw codedError("EPROTO", `${peer} said more than whether it offers TLS.`);
  return kind === "S";
}

async function encrypt(plain: Socket, { peer, sockets }: Opening, options: SocketOptions): Promise<Socket> {
  const { host, sslMode, servername = host, ca, cert, key } = options;
  const tls = connectTls({
    socket: plain,
    // An address must not be requested as a name (RFC 6066, section 3).
    ...(isIP(servername) === 0 && { servername }),
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    // Like libpq, "require" verifies once there is a root certificate.
    rejectUnauthorized: sslMode.startsWith("verify") || (sslMode === "require" && ca !== undefined),
    checkServerIdentity: (_, certificate) =>
      sslMode === "verify-full" ? checkServerIdentity(servername, certificate) : undefined,
  });
  sockets.push(tls);
  tls.on("error", () => {});
  await until(tls, "secureConnect").catch((cause: unknown) => {
    const code = codeOf(cause);
    if (code === "ERR_TLS_CERT_ALTNAME_INVALID") throw cause;
    const isUntrusted = tls.authorizationError !== null;
    throw explained(cause, `${isUntrusted ? "No trust in the certificate of" : "No TLS with"} ${peer}`);
  });
  return tls;
}

/** Resolves at the event; rejects if the socket fails, or closes without it. */
function until(socket: Socket, event: "connect" | "readable" | "secureConnect"): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (end: () => void) => () => {
      socket.off(event, onEvent).off("error", onError).off("close", onClose);
      end();
    };
    const onEvent = settle(resolve);
    const onClose = settle(() => reject(closedEarly("The peer")));
    const onError = (error: Error) => settle(() => reject(error))();
    socket.on(event, onEvent).on("error", onError).on("close", onClose);
  });
}

function closedEarly(peer: string): Error {
  return codedError("ECONNRESET", `${peer} closed the connection before it was set up.`);
}

function codeOf(error: unknown): string | undefined {
  const code: unknown = error instanceof Error ? Reflect.get(error, "code") : undefined;
  return typeof code === "string" ? code : undefined;
}

/** Prefixes the error with its subject, and keeps its code. Node's error for several addresses has no message of its own. */
function explained(cause: unknown, subject: string): Error {
  const causes: unknown[] = cause instanceof AggregateError ? cause.errors : [cause];
  const reasons = causes.map((each) => (each instanceof Error ? each.message : String(each)));
  return codedError(codeOf(cause) ?? "ECONNRESET", `${subject}: ${reasons.join("; ")}.`, cause);
}

import { connect, isIP, type Socket } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
import type { SslMode } from "../../connection-string/database-url.ts";
import { codedError } from "../../session/postgres-errors.ts";
import { limitWait } from "../../session/waiting/deadline.ts";
import { checkServerIdentity } from "./server-identity.ts";

/** PEM text, or several. */
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
  /** For how long a connection may be silent before TCP keep-alive asks whether the peer is still there. */
  readonly keepAlive: number;
  /** Certificates of the authorities to trust. Default: those of Node.js (its own, and `NODE_EXTRA_CA_CERTS`). */
  readonly ca?: Pem | undefined;
  /** The client's certificate and its private key, for servers that ask for one. */
  readonly cert?: Pem | undefined;
  readonly key?: Pem | undefined;
  /** The name that the server's certificate must have, and that it is asked for. Default: `host`. */
  readonly servername?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Length 8, code 80877103 (PostgreSQL manual, "Message Formats", SSLRequest). */
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]);

/**
 * Opens a connection to a PostgreSQL server up to where its startup message is due: TCP or a Unix socket, TLS negotiated
 * and the server verified. On failure or abort nothing is left open.
 *
 * The socket has a listener for errors that does nothing, so that a loss before the caller listens ends no process.
 *
 * @throws Error with a `code`: Node's own of the lookup and the connection (`ENOTFOUND`, `ECONNREFUSED`, `ECONNRESET`…);
 *   `ETIMEDOUT` after `connectTimeout`; `ERR_TLS_NOT_OFFERED` where the server has no TLS and the mode needs it;
 *   OpenSSL's for a certificate that is not trusted (`SELF_SIGNED_CERT_IN_CHAIN`, `CERT_HAS_EXPIRED`…);
 *   `ERR_TLS_CERT_ALTNAME_INVALID` for one of another server; `EPROTO` for a peer that is no PostgreSQL server
 * @throws the signal's reason after an abort
 */
export async function openSocket(options: SocketOptions): Promise<Socket> {
  const { signal, connectTimeout } = options;
  signal?.throwIfAborted();
  const opening = new Opening(options);
  let stopWatching: (() => void) | undefined;
  const interrupted = new Promise<never>((_, reject) => {
    stopWatching = limitWait(connectTimeout, signal, () => opening.timeoutError(), reject);
  });
  try {
    return await Promise.race([opening.run(), interrupted]);
  } catch (error) {
    opening.destroy();
    throw error;
  } finally {
    stopWatching?.();
  }
}

class Opening {
  readonly #options: SocketOptions;
  readonly #peer: string;
  readonly #plain: Socket;
  #tls: TLSSocket | undefined;
  /** The pending response of the peer. */
  #awaited = "a connection";

  constructor(options: SocketOptions) {
    const { host, port, path, keepAlive } = options;
    this.#options = options;
    this.#peer = path ?? `${host}:${port}`;
    this.#plain =
      path === undefined
        ? connect({ host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: keepAlive })
        : connect({ path });
    this.#plain.on("error", () => {});
  }

  async run(): Promise<Socket> {
    const { path, sslMode } = this.#options;
    await until(this.#plain, "connect").catch((cause: unknown) => {
      throw explained(cause, `No connection to ${this.#peer}`);
    });
    if (path !== undefined || sslMode === "disable") return this.#plain;
    this.#awaited = "whether it offers TLS";
    if (await this.#offersTls()) return await this.#encrypt();
    if (sslMode === "prefer" || sslMode === "allow") return this.#plain;
    throw codedError(
      "ERR_TLS_NOT_OFFERED",
      `${this.#peer} offers no TLS, which sslmode=${sslMode} needs. Switch it on there (ssl = on), or correct sslmode.`,
    );
  }

  timeoutError(): Error {
    const { connectTimeout } = this.#options;
    return codedError("ETIMEDOUT", `${this.#peer}: ${this.#awaited} was not had within ${connectTimeout} ms.`);
  }

  destroy(): void {
    this.#tls?.destroy();
    this.#plain.destroy();
  }

  async #offersTls(): Promise<boolean> {
    this.#plain.write(SSL_REQUEST);
    // Not "data": a socket that was paused after that would not begin to flow for its next user.
    await until(this.#plain, "readable");
    const answer: Buffer | null = this.#plain.read();
    const kind = answer?.toString("latin1", 0, 1);
    if (kind === undefined) throw closedEarly(this.#peer);
    if (kind === "E") throw codedError("EPROTO", `${this.#peer} refused to say whether it offers TLS.`);
    if (kind !== "S" && kind !== "N") throw codedError("EPROTO", `${this.#peer} does not speak PostgreSQL's protocol.`);
    // A man in the middle could inject the first bytes of the encrypted conversation (CVE-2021-23222).
    if (answer?.length !== 1) throw codedError("EPROTO", `${this.#peer} said more than whether it offers TLS.`);
    return kind === "S";
  }

  async #encrypt(): Promise<Socket> {
    const { host, sslMode, servername = host, ca, cert, key } = this.#options;
    this.#awaited = "the TLS handshake";
    const tls = connectTls({
      socket: this.#plain,
      // An address is no name that may be asked for (RFC 6066, section 3).
      ...(isIP(servername) === 0 && { servername }),
      ...(ca !== undefined && { ca }),
      ...(cert !== undefined && { cert }),
      ...(key !== undefined && { key }),
      // libpq, too, verifies by "require" once it has a root certificate.
      rejectUnauthorized: sslMode.startsWith("verify") || (sslMode === "require" && ca !== undefined),
      checkServerIdentity: (_, certificate) =>
        sslMode === "verify-full" ? checkServerIdentity(servername, certificate) : undefined,
    });
    this.#tls = tls;
    tls.on("error", () => {});
    await until(tls, "secureConnect").catch((cause: unknown) => {
      const code = codeOf(cause);
      if (code === "ERR_TLS_CERT_ALTNAME_INVALID") throw cause;
      const isUntrusted = tls.authorizationError !== null;
      throw explained(cause, `${isUntrusted ? "No trust in the certificate of" : "No TLS with"} ${this.#peer}`);
    });
    return tls;
  }
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

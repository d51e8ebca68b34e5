import { connect, isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { readTlsFiles, type TlsFiles, type TlsSettings } from "../../connection-string/tls.ts";
import { isError } from "../../contract/fields/realms.ts";
import { CLOSE_GRACE } from "../../session/limits.ts";
import { codedError, connectionClosed, databaseErrorFacts } from "../../session/postgres-errors.ts";
import { withinTime } from "../../session/waiting/deadline.ts";
import { LeadingBegin } from "./leading-begin.ts";
import { checkMessages } from "./message-check.ts";
import { checkServerIdentity } from "./server-identity.ts";

/** Where and how to connect. All times in milliseconds. */
export interface SocketOptions {
  /** A name or an address; an IPv6 one without brackets. */
  readonly host: string;
  readonly port: number;
  /** The file of a Unix socket, instead of host and port. There is no TLS on it, whatever the mode (as by libpq). */
  readonly path?: string | undefined;
  readonly tls: TlsSettings;
  /** For everything together: looking up the name, connecting, negotiating TLS. */
  readonly connectTimeout: number;
  /** How long a connection is silent before TCP keep-alive probes the peer; 0 is never. */
  readonly keepAlive: number;
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
 *   `ERR_TLS_NOT_OFFERED` if the mode needs TLS and the server has none; `ERR_TLS_FILE` for a file that cannot be used; OpenSSL's
 *   for a certificate that is not trusted (`CERT_HAS_EXPIRED`…); `ERR_TLS_CERT_ALTNAME_INVALID` for one of another server;
 *   `EPROTO` for a peer that is not a PostgreSQL server; the signal's reason after an abort
 */
export async function openSocket(options: SocketOptions): Promise<Socket> {
  const { host, port, path, keepAlive, signal, connectTimeout, tls } = options;
  // Before anything is open: TLS does not notice that its socket has ended meanwhile.
  const reading = path === undefined && tls.mode !== "disable" ? readTlsFiles(tls) : Promise.resolve({});
  await Promise.allSettled([reading]);
  signal?.throwIfAborted();
  const plain =
    path === undefined
      ? connect({ host, port, noDelay: true, keepAlive: keepAlive > 0, keepAliveInitialDelay: keepAlive })
      : connect({ path });
  const opening = { peer: path ?? `${host}:${port}`, sockets: [plain.on("error", () => {})], awaited: "a connection" };
  const timeoutError = () =>
    codedError("ETIMEDOUT", `${opening.peer}: ${opening.awaited} was not had within ${connectTimeout} ms.`);
  try {
    return await withinTime(setUp(plain, opening, options, reading), connectTimeout, signal, timeoutError);
  } catch (error) {
    for (const socket of opening.sockets.reverse()) socket.destroy();
    throw error;
  }
}

/** The only socket of a connection: postgres.js reconnects by itself, and would continue in the middle of lost work. */
export class SingleSocket {
  readonly #connect: (signal: AbortSignal) => Promise<Socket>;
  readonly #closing = new AbortController();
  #socket: Socket | undefined;
  #isOpened = false;
  #leading: LeadingBegin | undefined;

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
    this.#leading = new LeadingBegin(socket);
    return checkMessages(socket, this.#leading);
  }

  /** What sends a BEGIN with the next statement; `undefined` before it is open. */
  get leading(): LeadingBegin | undefined {
    return this.#leading;
  }

  /** The address of the peer; `undefined` before it is open, and for a Unix socket. */
  get address(): string | undefined {
    return this.#socket?.remoteAddress;
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

async function setUp(
  plain: Socket,
  opening: Opening,
  options: SocketOptions,
  reading: Promise<TlsFiles>,
): Promise<Socket> {
  const { path, tls } = options;
  const { peer } = opening;
  await until(plain, "connect").catch((cause: unknown) => {
    throw explained(cause, `No connection to ${peer}`);
  });
  if (path !== undefined || tls.mode === "disable") return plain;
  opening.awaited = "whether it offers TLS";
  if (tls.isDirect || (await offersTls(plain, peer))) {
    const files = await reading.catch((cause: unknown) => {
      throw codedError("ERR_TLS_FILE", isError(cause) ? cause.message : String(cause), cause);
    });
    opening.awaited = "the TLS handshake";
    return encrypt(plain, opening, options, files);
  }
  if (tls.mode === "prefer" || tls.mode === "allow") return plain;
  throw codedError(
    "ERR_TLS_NOT_OFFERED",
    `${peer} offers no TLS, which sslmode=${tls.mode} needs. Switch it on there (ssl = on), or correct sslmode.`,
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

async function encrypt(
  plain: Socket,
  { peer, sockets }: Opening,
  { host, servername = host, tls: settings }: SocketOptions,
  files: TlsFiles,
): Promise<Socket> {
  const { mode, minVersion, maxVersion, passphrase, hidesName, isDirect } = settings;
  const tls = connectTls({
    socket: plain,
    // An address must not be requested as a name (RFC 6066, section 3).
    ...(isIP(servername) === 0 && !hidesName && { servername }),
    ...(isDirect && { ALPNProtocols: [PROTOCOL] }),
    ...files,
    passphrase: passphrase?.text,
    minVersion,
    maxVersion,
    // Like libpq, "require" verifies once there is a root certificate.
    rejectUnauthorized: mode.startsWith("verify") || (mode === "require" && files.ca !== undefined),
    checkServerIdentity: (_, certificate) =>
      mode === "verify-full" ? checkServerIdentity(servername, certificate) : undefined,
  });
  sockets.push(tls);
  tls.on("error", () => {});
  await until(tls, "secureConnect").catch((cause: unknown) => {
    const code = databaseErrorFacts(cause)?.code;
    if (code === "ERR_TLS_CERT_ALTNAME_INVALID") throw cause;
    if (tls.authorizationError === null) throw explained(cause, `No TLS with ${peer}`);
    throw explained(cause, `No trust in the certificate of ${peer}`, CERTIFICATE_ADVICE[code ?? ""]);
  });
  // As libpq, against an attack that leads the connection to a server of another protocol.
  if (isDirect && tls.alpnProtocol !== PROTOCOL)
    throw codedError("EPROTO", `${peer} does not confirm that it is PostgreSQL.`);
  return tls;
}

/** PostgreSQL's name in ALPN. */
const PROTOCOL = "postgresql";

const CLOCKS = "Check the clocks of this machine and the server.";
const OTHER_AUTHORITY = "The list of sslcrl is not of the authority that issued it.";
const UNKNOWN_AUTHORITY = "Give the certificate of the authority that issued it as sslrootcert.";

/** What to do, by OpenSSL's code for a certificate that is not trusted. */
const CERTIFICATE_ADVICE: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: UNKNOWN_AUTHORITY,
  SELF_SIGNED_CERT_IN_CHAIN: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN_AUTHORITY,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNKNOWN_AUTHORITY,
  CERT_HAS_EXPIRED: "Renew it on the server, or that of its authority in sslrootcert.",
  CERT_NOT_YET_VALID: CLOCKS,
  CERT_REVOKED: "It is in the list of sslcrl: the server needs another.",
  CRL_HAS_EXPIRED: "Renew the list of sslcrl.",
  CRL_NOT_YET_VALID: CLOCKS,
  CRL_SIGNATURE_FAILURE: OTHER_AUTHORITY,
  UNABLE_TO_GET_CRL: OTHER_AUTHORITY,
};

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

/** Prefixes the error with its subject, and keeps its code. Node's error for several addresses has no message of its own. */
function explained(cause: unknown, subject: string, advice?: string): Error {
  const causes: unknown[] = isError(cause) && "errors" in cause && Array.isArray(cause.errors) ? cause.errors : [cause];
  const reasons = causes.map((each) => (isError(each) ? each.message : String(each)));
  const message = [`${subject}: ${reasons.join("; ")}.`, advice].filter(Boolean).join(" ");
  return codedError(databaseErrorFacts(cause)?.code ?? "ECONNRESET", message, cause);
}

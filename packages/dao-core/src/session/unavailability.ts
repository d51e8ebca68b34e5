import { isError } from "../contract/fields/realms.ts";

/** What an error says of a server or a connection, and what to do. */
type Sentence = string | ((error: unknown, code: string) => string);

/** Sentences by patterns of codes, which are those of postgres.js, Node.js and PostgreSQL. */
const byCodes = (sentences: Readonly<Record<string, Sentence>>) =>
  Object.entries(sentences).map(([codes, sentence]) => [new RegExp(`^(?:${codes})$`), sentence] as const);

const LOST = "The connection to the database was lost. Try again; whether a write was done before is not known.";

/** The error's own message, which says what to do. */
const ownMessage = (error: unknown) => (isError(error) ? error.message : LOST);

/** The code of an error that says, of several servers, why none can be used. */
export const NO_SERVER = "NO_SERVER";

/** The codes of a connection that the peer has closed. */
export const CLOSED = /^(?:CONNECTION_(?:CLOSED|ENDED|DESTROYED)|ECONNRESET|ECONNABORTED|EPIPE)$/;

/** A connection failed, or there is none. */
const LOSSES = byCodes({
  "ENOTFOUND|EAI_[A-Z]+":
    "The name of the database's host cannot be resolved. Check its spelling in DATABASE_URL, and the name service.",
  "ECONNREFUSED|ENOENT|ENOTDIR":
    "The database cannot be reached: nothing accepts connections at its address. Check that it runs, and host and port in DATABASE_URL; " +
    "then try again.",
  "EHOSTUNREACH|EHOSTDOWN|ENETUNREACH|ENETDOWN":
    "The database cannot be reached: no network leads to its address. Check host and network, then try again.",
  "EACCES|EPERM":
    "This process may not connect to the database's address. Check its socket's permissions, or a firewall.",
  "CONNECT_TIMEOUT|ETIMEDOUT":
    "The database did not respond in time. Check that it runs, and that no firewall drops the connection; then try again.",
  "EMFILE|ENFILE|ENOBUFS|ENOMEM|EADDRNOTAVAIL|EAGAIN":
    "This process has no file or port left for a connection. Raise its limits (ulimit -n), or lower poolSize; then try again.",
  "57P01": "The server is shutting down, or has ended this connection. Try again later.",
  "57P02": "The server has ended this connection since another one crashed. Try again later.",
  "57P03": "The server is starting up, shutting down or recovering. Try again later.",
  // Poolers report nearly everything with this code: being full, having no server, an unknown parameter.
  "08P01":
    "The server, or a pooler before it, refused what was sent: it may be full, have no server behind it, or not take a " +
    "parameter of DATABASE_URL; the error's cause says which. Behind a transaction-pooling one open the database with " +
    "prepare: false (DB_PREPARE=false).",
  // A server's TLS alert is lost if it comes with the reset of a connection on which more was sent.
  LOGIN_CLOSED:
    "What listens at the database's address closed the connection before the login: a proxy that is full or has no server " +
    "behind it, a server of another kind, or one that demands another client certificate (sslcert, sslkey). Try again later.",
  LOGIN_FAILED:
    "The server, or a pooler before it, did not let this process log in; the error's cause says why. Try again later.",
  // A peer with another protocol; or one of several servers.
  [`EPROTO|${NO_SERVER}`]: ownMessage,
  [CLOSED.source]: LOST,
  // By the server: the database was dropped, or the session was idle or in a transaction for too long.
  "57P0[45]|25P0[34]|08...": LOST,
});

/** Errors of prepared statements behind poolers that pool by transaction. */
const pooled = (problem: string) =>
  `Prepared statements get ${problem}, as behind a transaction-pooling proxy. Open the database with prepare: false (DB_PREPARE=false).`;

const DEMANDS_CERTIFICATE =
  "The server demands a client certificate. Give sslcert and sslkey in DATABASE_URL: a certificate of an authority that the server " +
  "trusts, for this user.";

/** The server cannot do what it was asked for, or one of the two does not trust the other. */
const REFUSALS = byCodes({
  "28000|28P01": loginRefusal,
  "57014": "The statement ran longer than its time-out. Try again later, or ask for less.",
  "55P03": "A lock was not free within its time-out. Try again later.",
  "3D000": "The server has no such database. Create it, or correct DATABASE_URL.",
  "42501":
    "The database role lacks a privilege that this needs. Grant it; the error's cause and `flux-dao doctor` say which.",
  "55000":
    "The server is not set up for this; the error's cause says what to change. The database may accept no connections, or a table " +
    "be published without a replica identity, which `flux-dao doctor` finds.",
  "53300":
    "The server has no connection to spare. Lower poolSize, or allow more: max_connections, or the limit of the role or the database.",
  "53...": "The database has no room for more work now. Try again later.",
  "26000": pooled("lost"),
  "42P05": pooled("mixed up"),
  "25006":
    "The server takes no writes now: it is a standby, or its transactions are read-only. Try again later, or connect to the primary.",
  // A file is missing, or cannot be read or written; of PgBouncer a host. Or a table or an index is corrupted.
  "58...|XX00[12]":
    "The database's system failed: a file is missing or damaged, or a disk or a name service fails. The error's cause says which.",
  // OpenSSL's alerts, by which a server ends the handshake, or with TLS 1.3 the login after it.
  ".*_ALERT_CERTIFICATE_REQUIRED": DEMANDS_CERTIFICATE,
  ".*_ALERT_(?:UNKNOWN_CA|BAD_CERTIFICATE|UNSUPPORTED_CERTIFICATE|CERTIFICATE_UNKNOWN)":
    "The server does not trust the client certificate of sslcert: it must be from an authority of the server's ssl_ca_file.",
  ".*_ALERT_CERTIFICATE_(?:EXPIRED|REVOKED)":
    "The client certificate of sslcert has expired, or was revoked. Get another.",
  // Other failures before or during the TLS handshake.
  "(?:ERR_TLS|ERR_SSL|CERT_|CRL_|UNABLE_TO_|DEPTH_ZERO|SELF_SIGNED|HOSTNAME_MISMATCH).*": ownMessage,
  "(?:INVALID_(?:CA|PURPOSE)|PATH_LENGTH|ERROR_IN_C).*|UNSPECIFIED": ownMessage,
});

/** What is wrong with the server or the connection; `undefined` if the code says nothing about them. */
export function unavailableSentence(code: string, error: unknown): string | undefined {
  const [, sentence] = [...LOSSES, ...REFUSALS].find(([codes]) => codes.test(code)) ?? [];
  return typeof sentence === "function" ? sentence(error, code) : sentence;
}

/** Whether `code` says that a connection, not the statement, failed. */
export function isConnectionLoss(code: string): boolean {
  return LOSSES.some(([codes]) => codes.test(code));
}

/** What a server's text about a refused login asks for, as one SQLSTATE stands for all of these. English only. */
const LOGIN_REFUSALS: readonly (readonly [text: RegExp, sentence: string])[] = [
  [
    /no encryption|SSL off|SSL connection is required|connection is insecure/i,
    "The server takes only encrypted connections from here. Set sslmode=require in DATABASE_URL, or better verify-full.",
  ],
  [/valid client certificate|certificate authentication failed/i, DEMANDS_CERTIFICATE],
  [
    /no pg_hba\.conf entry|pg_hba\.conf rejects/i,
    "The server's pg_hba.conf does not let this user into this database from this machine, or not with this sslmode.",
  ],
];

/** By the text of the error of this chain that has the code. */
function loginRefusal(error: unknown, code: string): string {
  let cause = error;
  for (let depth = 0; depth < 8 && isError(cause) && Reflect.get(cause, "code") !== code; depth++) cause = cause.cause;
  const text = isError(cause) ? cause.message : "";
  const refusal = LOGIN_REFUSALS.find(([pattern]) => pattern.test(text))?.[1];
  return refusal ?? "The database refused the login. Check user and password in DATABASE_URL.";
}

import { createPrivateKey, X509Certificate } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { createSecureContext, type SecureVersion } from "node:tls";
import { isError } from "../contract/fields/realms.ts";
import { invalid } from "../contract/fields/validation.ts";
import { type Given, type Parameters, settingOf, userFile } from "./parameters.ts";
import type { ServerAddress } from "./servers.ts";

const SSL_MODES = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"] as const;

/**
 * How a connection is encrypted, with libpq's meanings: `prefer` and `allow` use TLS if the server offers it; `require` needs TLS
 * and trusts any certificate, unless there are root certificates; `verify-ca` needs a trusted certificate; `verify-full` also one
 * that names the server.
 */
export type SslMode = (typeof SSL_MODES)[number];

/** How a connection is encrypted, and who the two sides are. The files are read for each connection, so they may be renewed. */
export interface TlsSettings {
  readonly mode: SslMode;
  /** The file of the authorities to trust. Default: those of Node.js (its own, and `NODE_EXTRA_CA_CERTS`). */
  readonly rootCertificates?: Given | undefined;
  /** The file of certificates that were revoked. */
  readonly revocations?: Given | undefined;
  /** The files of the client's certificate and its private key, for servers that ask for one. */
  readonly client?: { readonly certificate: Given; readonly key: Given } | undefined;
  readonly passphrase?: Given | undefined;
  readonly minVersion?: SecureVersion | undefined;
  readonly maxVersion?: SecureVersion | undefined;
  /** Whether the server's name is not sent in clear (SNI). */
  readonly hidesName?: boolean | undefined;
  /** Whether TLS begins at once, which needs PostgreSQL 17. Default: the server is first asked whether it offers TLS. */
  readonly isDirect?: boolean | undefined;
}

/**
 * Reads how to encrypt from `sslmode` and its kind, as libpq does, with the files of `~/.postgresql` for those that are not named.
 * @throws ValidationError for a setting that is unknown, or weaker than another one demands
 */
export function readTls(parameters: Parameters): TlsSettings {
  const root = parameters.take("sslrootcert");
  const usesAuthoritiesOfNode = root?.text === "system";
  const { mode, setting } = readMode(parameters) ?? {
    mode: usesAuthoritiesOfNode ? "verify-full" : "prefer",
    setting: "",
  };
  if (usesAuthoritiesOfNode && mode !== "verify-full") {
    throw invalid(root.setting, "must not be system unless sslmode is verify-full");
  }
  const rootCertificates = usesAuthoritiesOfNode ? undefined : fileOf(parameters, root, "root.crt");
  if (mode === "verify-ca" && rootCertificates === undefined) {
    const message = "must be verify-full, or sslrootcert be given: anyone gets a public authority's certificate";
    throw invalid(setting, message);
  }
  const negotiation = parameters.takeOneOf("sslnegotiation", ["postgres", "direct"]);
  if (negotiation === "direct" && ["disable", "allow", "prefer"].includes(mode)) {
    throw invalid(setting || "sslmode", "must be require, verify-ca or verify-full for sslnegotiation=direct");
  }
  const client = readClient(parameters);
  return {
    mode,
    rootCertificates,
    revocations: fileOf(parameters, parameters.take("sslcrl"), "root.crl"),
    client: parameters.takeOneOf("sslcertmode", ["allow", "disable"]) === "disable" ? undefined : client,
    passphrase: parameters.take("sslpassword"),
    minVersion: parameters.takeOneOf("ssl_min_protocol_version", TLS_VERSIONS),
    maxVersion: parameters.takeOneOf("ssl_max_protocol_version", TLS_VERSIONS),
    hidesName: parameters.takeOneOf("sslsni", ["0", "1"]) === "0",
    isDirect: negotiation === "direct",
  };
}

const TLS_VERSIONS = ["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"] as const;

/** `ssl` is the name that JDBC (`true`) and SQLAlchemy (`require`) have for `sslmode`; libpq takes `ssl=true`, too. */
function readMode(parameters: Parameters): { readonly mode: SslMode; readonly setting: string } | undefined {
  const ssl = parameters.takeOneOf("ssl", ["true", "false", ...SSL_MODES]);
  const isInUrl = parameters.rest.has("sslmode");
  const mode = parameters.takeOneOf("sslmode", SSL_MODES);
  const inSsl: SslMode | undefined = ssl === "true" ? "require" : ssl === "false" ? "disable" : ssl;
  // What the URL says counts more than PGSSLMODE.
  if (inSsl !== undefined && !isInUrl) return { mode: inSsl, setting: settingOf("ssl") };
  if (mode === undefined) return parameters.environment["PGREQUIRESSL"]?.startsWith("1") ? REQUIRE_SSL : undefined;
  const setting = isInUrl ? settingOf("sslmode") : "PGSSLMODE";
  if (inSsl !== undefined && SSL_MODES.indexOf(mode) < SSL_MODES.indexOf(inSsl)) {
    throw invalid(setting, `must not be weaker than ${settingOf("ssl")}: leave one of them out`);
  }
  return { mode, setting };
}

/** libpq's old variable. */
const REQUIRE_SSL = { mode: "require", setting: "PGREQUIRESSL" } as const;

function readClient(parameters: Parameters): TlsSettings["client"] {
  const certificate = fileOf(parameters, parameters.take("sslcert"), "postgresql.crt");
  const key = fileOf(parameters, parameters.take("sslkey"), "postgresql.key");
  if (certificate !== undefined && key !== undefined) return { certificate, key };
  if (certificate !== undefined) throw invalid(certificate.setting, "needs sslkey, the private key that belongs to it");
  if (key !== undefined) throw invalid(key.setting, "needs sslcert, the certificate that belongs to the key");
  return undefined;
}

/** The file that is given, or the user's own one by that name. */
function fileOf({ environment }: Parameters, given: Given | undefined, name: string): Given | undefined {
  if (given !== undefined && given.text !== "") return given;
  const path = userFile(name, environment);
  return existsSync(path) ? { text: path, setting: path } : undefined;
}

/** PEM texts, for `tls.connect`. */
export type TlsFiles = Partial<Awaited<ReturnType<typeof readTlsFiles>>>;

/** Reads and checks the files. @throws ValidationError, which names the setting, for a file that cannot be used */
export async function readTlsFiles(tls: TlsSettings) {
  const { rootCertificates, revocations, client, passphrase } = tls;
  const [ca, crl, cert, key] = await Promise.all([
    rootCertificates && readPem(rootCertificates, "certificate", (pem) => new X509Certificate(pem)),
    revocations && readPem(revocations, "list of revoked certificates", (pem) => createSecureContext({ crl: pem })),
    client && readPem(client.certificate, "certificate", (pem) => new X509Certificate(pem)),
    client && readKey(client.key, passphrase),
  ]);
  if (client !== undefined && cert !== undefined && key !== undefined) {
    const privateKey = createPrivateKey({ key, passphrase: passphrase?.text });
    if (!new X509Certificate(cert).checkPrivateKey(privateKey)) {
      throw invalid(client.certificate.setting, "is a certificate of another key than sslkey's");
    }
  }
  return { ca, crl, cert, key };
}

/** {@link readTlsFiles} before the first connection, for its errors; Unix sockets need no files. */
export async function checkTlsFiles(servers: readonly ServerAddress[], tls: TlsSettings): Promise<void> {
  if (tls.mode !== "disable" && servers.some(({ host }) => !host.startsWith("/"))) await readTlsFiles(tls);
}

async function readPem({ text: path, setting }: Given, kind: string, check: (pem: string) => unknown): Promise<string> {
  const pem = await readFile(path, "utf8").catch((cause: unknown) => {
    const code = isError(cause) && "code" in cause ? String(cause.code) : "unknown";
    throw invalid(setting, `names a file that cannot be read (${code}): correct the path, or the file's permissions`);
  });
  try {
    check(pem);
    return pem;
  } catch {
    throw invalid(setting, `names a file that holds no ${kind} in PEM form (-----BEGIN …)`);
  }
}

async function readKey(file: Given, passphrase: Given | undefined): Promise<string> {
  const key = await readPem(file, "private key", (pem) => {
    if (!/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(pem)) throw new RangeError();
  });
  await checkOwner(file);
  try {
    createPrivateKey({ key, passphrase: passphrase?.text });
    return key;
  } catch {
    if (!key.includes("ENCRYPTED")) throw invalid(file.setting, "names a file that holds no private key in PEM form");
    if (passphrase === undefined) throw invalid(file.setting, "is encrypted: give its passphrase as sslpassword");
    throw invalid(passphrase.setting, "is not the passphrase of the private key");
  }
}

/** As libpq: only its owner may read a private key; if that is root, also its group. */
async function checkOwner({ text: path, setting }: Given): Promise<void> {
  const { uid, mode } = await stat(path);
  if (process.platform === "win32" || (mode & (uid === 0 ? 0o037 : 0o077)) === 0) return;
  throw invalid(setting, "names a private key that others can read: chmod 0600 it, or 0640 if it belongs to root");
}

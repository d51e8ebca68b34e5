import { existsSync } from "node:fs";
import type { SecureVersion } from "node:tls";
import { invalid } from "./invalid.ts";
import type { Given, Parameters } from "./parameters.ts";
import { userFile } from "./user-file.ts";

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
    throw invalid(
      setting,
      "must be verify-full, or sslrootcert be given: anyone gets a public authority's certificate",
    );
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
  const ssl = parameters.takeChoice("ssl", ["true", "false", ...SSL_MODES]);
  const isInUrl = parameters.rest().has("sslmode");
  const sslMode = parameters.takeChoice("sslmode", SSL_MODES);
  const inSsl: SslMode | undefined =
    ssl?.value === "true" ? "require" : ssl?.value === "false" ? "disable" : ssl?.value;
  // What the URL says counts more than PGSSLMODE.
  if (ssl !== undefined && inSsl !== undefined && !isInUrl) return { ...ssl, mode: inSsl };
  if (sslMode === undefined) return parameters.environment["PGREQUIRESSL"]?.startsWith("1") ? REQUIRE_SSL : undefined;
  if (ssl !== undefined && inSsl !== undefined && SSL_MODES.indexOf(sslMode.value) < SSL_MODES.indexOf(inSsl)) {
    throw invalid(sslMode.setting, `must not be weaker than ${ssl.setting}: leave one of them out`);
  }
  return { ...sslMode, mode: sslMode.value };
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

import { isIPv6 } from "node:net";
import type { PeerCertificate } from "node:tls";
import { codedError } from "../../session/postgres-errors.ts";

/** A name of a certificate: of its subjectAltName extension, or the common name of its subject. */
interface CertificateName {
  readonly type: "DNS" | "IP Address" | "CN";
  readonly value: string;
}

/**
 * Whether a certificate belongs to the requested server, by libpq's rule for `sslmode=verify-full`, which differs from that of
 * HTTPS (`tls.checkServerIdentity`):
 *
 * - Each dNSName is compared with the host, even if that is an address, ignoring case; `*.` at its beginning stands for one
 *   label.
 * - Each iPAddress is compared with the host if that is an address, in any notation.
 * - The common name counts like a dNSName, but only if there is no dNSName (for a host name) or no iPAddress (for an address).
 * - A name that holds a NUL, or an address of a wrong length, ends the comparison.
 *
 * Sources: PostgreSQL manual, "SSL Support" (Client Verification of Server Certificates);
 * `pgtls_verify_peer_name_matches_certificate_guts` in fe-secure-openssl.c, and fe-secure-common.c (PostgreSQL 15 to 18).
 *
 * @returns what is wrong, with the names that the certificate has; for `checkServerIdentity` of `tls.connect`
 */
export function checkServerIdentity(host: string, certificate: PeerCertificate): Error | undefined {
  const address = canonicalAddress(host);
  const alternatives = alternativeNames(certificate);
  const decisiveType = address === undefined ? "DNS" : "IP Address";
  const hasDecisive = alternatives.some(({ type }) => type === decisiveType);
  const names = hasDecisive ? alternatives : [...alternatives, ...commonName(certificate)];
  for (const { type, value } of names) {
    const certified = type === "IP Address" ? canonicalAddress(value) : value;
    if (certified === undefined || certified.includes("\0")) break;
    if (type === "IP Address" ? certified === address : matchesName(certified, host)) return undefined;
  }
  const list = names.map(({ type, value }) => `${type} ${value.replaceAll("\0", "\\0")}`).join(", ");
  const message =
    `The server's certificate is not for "${host}", but for ${list || "no name at all"}. Connect by a name that it is for, or use ` +
    "sslmode=verify-ca with sslrootcert, which compares no names.";
  return codedError("ERR_TLS_CERT_ALTNAME_INVALID", message);
}

/** The names of `subjectaltname` in their order; Node writes those with a comma, a quote or a NUL as JSON strings, commas escaped. */
function alternativeNames({ subjectaltname }: PeerCertificate): CertificateName[] {
  return (subjectaltname ?? "").split(", ").flatMap((entry): CertificateName[] => {
    const [, type, text = ""] = /^(DNS|IP Address):(.*)$/s.exec(entry) ?? [];
    if (type !== "DNS" && type !== "IP Address") return [];
    const value: unknown = text.startsWith('"') ? JSON.parse(text) : text;
    return [{ type, value: String(value) }];
  });
}

/** The first common name is the one that counts. Node has an array of several. */
function commonName({ subject }: PeerCertificate): CertificateName[] {
  const values: unknown = subject?.CN;
  const value: unknown = Array.isArray(values) ? values[0] : values;
  return typeof value === "string" ? [{ type: "CN", value }] : [];
}

function matchesName(certified: string, host: string): boolean {
  const pattern = lowerCase(certified);
  const name = lowerCase(host);
  if (pattern === name) return true;
  if (!pattern.startsWith("*.") || pattern.length < 3 || pattern.length > name.length) return false;
  return name.endsWith(pattern.slice(1)) && name.indexOf(".") >= name.length - pattern.length;
}

/** ASCII letters only: the lower case of some others is an ASCII letter (the Kelvin sign). */
const lowerCase = (text: string): string => text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());

/** One text for all notations of an address that `connect` accepts, as `inet_aton`; `undefined` for what is not an address. */
function canonicalAddress(host: string): string | undefined {
  if (isIPv6(host) && !host.includes("%")) return new URL(`http://[${host}]`).hostname;
  const isIPv4 = /^(?:0x[0-9a-f]+|[0-9]+)(?:\.(?:0x[0-9a-f]+|[0-9]+)){0,3}$/i.test(host);
  const url = `http://${host}`;
  return isIPv4 && URL.canParse(url) ? new URL(url).hostname : undefined;
}

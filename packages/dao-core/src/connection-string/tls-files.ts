import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { createSecureContext } from "node:tls";
import { isError } from "../contract/fields/realms.ts";
import type { PostgresLocation } from "./database-url.ts";
import { invalid } from "./invalid.ts";
import type { Given } from "./parameters.ts";
import type { TlsSettings } from "./tls.ts";

/** PEM texts, for `tls.connect`. */
export interface TlsFiles {
  readonly ca?: string | undefined;
  readonly crl?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

/**
 * Reads and checks the files.
 * @throws ValidationError, which names the setting, for a file that cannot be used
 */
export async function readTlsFiles({
  rootCertificates,
  revocations,
  client,
  passphrase,
}: TlsSettings): Promise<TlsFiles> {
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

/**
 * Checks the files before the first connection; Unix sockets need none.
 * @throws ValidationError, which names the setting, for a file that cannot be used
 */
export async function checkTlsFiles({ servers, tls }: Pick<PostgresLocation, "servers" | "tls">): Promise<void> {
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

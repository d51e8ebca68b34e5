import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** The names that a certificate is issued for. */
export interface CertificateNames {
  /** The subject, such as `/CN=db.example`. */
  readonly subject: string;
  /** The value of subjectAltName in OpenSSL's notation, such as `DNS:db.example,IP:127.0.0.1`. */
  readonly alternatives?: string;
}

/** PEM texts, and their files, which exist as long as the authority. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
  readonly certFile: string;
  readonly keyFile: string;
}

/** A test certificate authority, which issues certificates with the command `openssl`. */
export interface CertificateAuthority {
  /** Its certificate, as a file and as text. */
  readonly file: string;
  readonly ca: string;
  /** Valid for a day, or already expired (`days: 0`). */
  issue(names: CertificateNames, options?: { readonly days?: number }): Promise<Certificate>;
  /** Writes a list that has this certificate as revoked. */
  revoke(certFile: string, listFile: string): Promise<void>;
  remove(): Promise<void>;
}

const NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

export async function createCertificateAuthority(): Promise<CertificateAuthority> {
  const folder = await mkdtemp(join(tmpdir(), "flux-certificates-"));
  const at = (name: string) => join(folder, name);
  const openssl = (...args: string[]) => run("openssl", args, { cwd: folder });
  await openssl(
    "req",
    "-x509",
    ...NEW_KEY,
    "-keyout",
    "ca.key",
    "-out",
    "ca.pem",
    "-days",
    "1",
    "-subj",
    "/CN=Test CA",
  );
  let issued = 0;
  return {
    file: at("ca.pem"),
    ca: await readFile(at("ca.pem"), "utf8"),
    issue: async ({ subject, alternatives }, { days = 1 } = {}) => {
      const name = String(issued++);
      const extensions = alternatives === undefined ? "" : `subjectAltName=${alternatives}\n`;
      await writeFile(at(`${name}.ext`), `basicConstraints=CA:FALSE\n${extensions}`);
      await openssl("req", ...NEW_KEY, "-keyout", `${name}.key`, "-out", `${name}.csr`, "-subj", subject);
      await openssl(
        ...["x509", "-req", "-in", `${name}.csr`, "-CA", "ca.pem", "-CAkey", "ca.key", "-set_serial", String(issued)],
        ...["-days", String(days), "-extfile", `${name}.ext`, "-out", `${name}.pem`],
      );
      const [certFile, keyFile] = [at(`${name}.pem`), at(`${name}.key`)];
      return { cert: await readFile(certFile, "utf8"), key: await readFile(keyFile, "utf8"), certFile, keyFile };
    },
    revoke: async (certFile, listFile) => {
      await writeFile(at("ca.cnf"), "[ca]\ndefault_ca=own\n[own]\ndatabase=index.txt\ndefault_md=sha256\n");
      await writeFile(at("index.txt"), "");
      const ca = ["ca", "-config", "ca.cnf", "-keyfile", "ca.key", "-cert", "ca.pem"];
      await openssl(...ca, "-revoke", certFile);
      await openssl(...ca, "-gencrl", "-crldays", "1", "-out", listFile);
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

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

/** When something is valid, in days from now. Default: from two days ago until tomorrow. */
export interface Validity {
  readonly from?: number;
  readonly to?: number;
}

/** A test certificate authority, which issues certificates with the command `openssl`. */
export interface CertificateAuthority {
  /** Its certificate, as a file and as text. */
  readonly file: string;
  readonly ca: string;
  issue(names: CertificateNames, validity?: Validity): Promise<Certificate>;
  /** Writes a list that has this certificate as revoked. */
  revoke(certFile: string, listFile: string, validity?: Validity): Promise<void>;
  remove(): Promise<void>;
}

/** `from` and `to` as OpenSSL writes instants, `20261129000000Z`. */
function instantsOf({ from = -2, to = 1 }: Validity): [from: string, to: string] {
  const text = (days: number) =>
    `${new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 19).replaceAll(/[-:T]/g, "")}Z`;
  return [text(from), text(to)];
}

const SETTINGS = `[ca]
default_ca=own
[own]
database=index.txt
serial=serial
new_certs_dir=.
default_md=sha256
policy=any
unique_subject=no
[any]
commonName=optional
`;

const NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

export async function createCertificateAuthority(name = "Test CA"): Promise<CertificateAuthority> {
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
    `/CN=${name}`,
  );
  await writeFile(at("ca.cnf"), SETTINGS);
  await writeFile(at("index.txt"), "");
  await writeFile(at("serial"), "01");
  const ca = ["ca", "-batch", "-notext", "-preserveDN", "-config", "ca.cnf", "-keyfile", "ca.key", "-cert", "ca.pem"];
  let issued = 0;
  return {
    file: at("ca.pem"),
    ca: await readFile(at("ca.pem"), "utf8"),
    issue: async ({ subject, alternatives }, validity = {}) => {
      const name = String(issued++);
      const extensions = alternatives === undefined ? "" : `subjectAltName=${alternatives}\n`;
      await writeFile(at(`${name}.ext`), `basicConstraints=CA:FALSE\n${extensions}`);
      await openssl("req", ...NEW_KEY, "-keyout", `${name}.key`, "-out", `${name}.csr`, "-subj", subject);
      const [from, to] = instantsOf(validity);
      const files = ["-in", `${name}.csr`, "-extfile", `${name}.ext`, "-out", `${name}.pem`];
      await openssl(...ca, "-startdate", from, "-enddate", to, ...files);
      const [certFile, keyFile] = [at(`${name}.pem`), at(`${name}.key`)];
      return { cert: await readFile(certFile, "utf8"), key: await readFile(keyFile, "utf8"), certFile, keyFile };
    },
    revoke: async (certFile, listFile, validity = {}) => {
      const [from, to] = instantsOf(validity);
      await openssl(...ca, "-revoke", certFile);
      await openssl(...ca, "-gencrl", "-crl_lastupdate", from, "-crl_nextupdate", to, "-out", listFile);
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

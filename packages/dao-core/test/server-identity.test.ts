import { execFile } from "node:child_process";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openSocket } from "../src/drivers/postgres/open-socket.ts";
import { type CertificateAuthority, type CertificateNames, createCertificateAuthority } from "./certificates.ts";
import { encrypt, type Peer, startPeer } from "./peer.ts";

/** In DER: dNSName `db.example\0.evil`, then dNSName `other.example`. */
const withNul = derNames([
  [0x82, "db.example\0.evil"],
  [0x82, "other.example"],
]);
/** In DER: dNSName `db.example`, an address of five bytes, dNSName `other.example`. */
const withBadAddress = derNames([
  [0x82, "db.example"],
  [0x87, "\x01\x02\x03\x04\x05"],
  [0x82, "other.example"],
]);

/** A certificate, the hosts that it is valid for, and others that it is not valid for: libpq's verdict. */
const cases: readonly (CertificateNames & { accepted: readonly string[]; refused: readonly string[] })[] = [
  {
    subject: "/CN=ignored.example",
    alternatives: "DNS:db.example",
    accepted: ["db.example", "DB.Example"],
    refused: ["ignored.example", "db.example.", "a.db.example", "db.exampl", "localhost", "127.0.0.2"],
  },
  {
    subject: "/CN=ignored.example",
    alternatives: "DNS:one.example,DNS:Two.Example,email:db@mail.example,URI:https://uri.example",
    accepted: ["one.example", "two.example"],
    refused: ["mail.example", "uri.example", "ignored.example"],
  },
  {
    subject: "/CN=ignored.example",
    alternatives: "DNS:*.db.example",
    accepted: ["a.db.example", "A.DB.example"],
    refused: ["db.example", "a.b.db.example", ".db.example", "*.a.db.example", "adb.example"],
  },
  {
    subject: "/CN=x",
    alternatives: "DNS:*.example",
    accepted: ["db.example", "a..example"],
    refused: ["example", "a.db.example"],
  },
  { subject: "/CN=x", alternatives: "DNS:*", accepted: [], refused: ["db", "db.example", "127.0.0.1"] },
  { subject: "/CN=x", alternatives: "DNS:*.", accepted: [], refused: ["db", "db.example"] },
  { subject: "/CN=x", alternatives: "DNS:d*.example", accepted: [], refused: ["db.example"] },
  { subject: "/CN=x", alternatives: "DNS:a.*.example", accepted: [], refused: ["a.b.example"] },
  { subject: "/CN=x", alternatives: "DNS:*.*.example", accepted: [], refused: ["a.b.example"] },
  { subject: "/CN=x", alternatives: "DNS:db.example.", accepted: ["db.example."], refused: ["db.example"] },
  { subject: "/CN=x", alternatives: "DNS:xn--bcher-kva.example", accepted: ["xn--bcher-kva.example"], refused: [] },
  // Addresses: another server's certificate, and the right one.
  { subject: "/CN=localhost", alternatives: "DNS:localhost", accepted: ["localhost"], refused: ["127.0.0.1", "::1"] },
  {
    subject: "/CN=ignored.example",
    alternatives: "IP:127.0.0.1",
    accepted: ["127.0.0.1", "127.1", "0x7f.0.0.1", "0177.0.0.1", "2130706433"],
    refused: ["127.0.0.2", "127.0.0.1.", "::1", "::ffff:127.0.0.1", "localhost"],
  },
  {
    subject: "/CN=127.0.0.2",
    alternatives: "IP:2001:db8::1",
    accepted: ["2001:db8::1", "2001:0DB8:0:0:0:0:0:1"],
    refused: ["2001:db8::2", "127.0.0.2", "127.0.0.1"],
  },
  // No name of the requested type: the common name counts.
  {
    subject: "/CN=db.example",
    alternatives: "IP:127.0.0.1",
    accepted: ["127.0.0.1", "db.example"],
    refused: ["a.db.example"],
  },
  { subject: "/CN=127.0.0.1", alternatives: "DNS:db.example", accepted: ["127.0.0.1", "db.example"], refused: [] },
  { subject: "/CN=127.0.0.2", alternatives: "DNS:127.0.0.1", accepted: ["127.0.0.1", "127.0.0.2"], refused: ["127.1"] },
  { subject: "/CN=x", alternatives: "DNS:*.0.0.1", accepted: ["127.0.0.1"], refused: ["127.0.1"] },
  {
    subject: "/CN=x",
    alternatives: "DNS:127.0.0.1,IP:127.0.0.2",
    accepted: ["127.0.0.1", "127.0.0.2"],
    refused: ["x"],
  },
  {
    subject: "/CN=db.example",
    alternatives: "email:db@mail.example",
    accepted: ["db.example"],
    refused: ["mail.example"],
  },
  { subject: "/CN=db.example", accepted: ["db.example", "DB.EXAMPLE"], refused: ["127.0.0.1", "a.db.example"] },
  { subject: "/CN=*.db.example", accepted: ["a.db.example"], refused: ["db.example"] },
  { subject: "/CN=127.0.0.1", accepted: ["127.0.0.1"], refused: ["127.1", "127.0.0.2"] },
  { subject: "/CN=first.example/CN=second.example", accepted: ["first.example"], refused: ["second.example"] },
  { subject: "/O=No common name", accepted: [], refused: ["db.example", "127.0.0.1"] },
  { subject: "/CN=x", alternatives: withNul, accepted: [], refused: ["db.example", "other.example", "x"] },
  {
    subject: "/CN=x",
    alternatives: withBadAddress,
    accepted: ["db.example"],
    refused: ["other.example", "1.2.3.4", "x"],
  },
];

const psqlVersion = await new Promise<string | undefined>((resolve) => {
  execFile("psql", ["--version"], (error, stdout) => resolve(error === null ? stdout.trim() : undefined));
});
const checkedBy = psqlVersion === undefined ? "libpq NOT TESTED: psql is not installed" : `as ${psqlVersion} says`;

let authority: CertificateAuthority;

beforeAll(async () => {
  authority = await createCertificateAuthority();
});

afterAll(() => authority.remove());

describe(`sslmode=verify-full (${checkedBy})`, () => {
  test.each(cases)("$subject, $alternatives", async ({ accepted, refused, ...names }) => {
    const certificate = await authority.issue(names);
    const peer = await startPeer((socket) => {
      const tls = encrypt(socket, certificate);
      tls.once("data", () => tls.end(errorResponse(HANDSHAKE_DONE)));
    });
    const expected = Object.fromEntries([
      ...accepted.map((host) => [host, "accepted"]),
      ...refused.map((host) => [host, "refused"]),
    ]);
    const decide = async (one: (host: string, peer: Peer) => Promise<string>) =>
      Object.fromEntries(
        await Promise.all(Object.keys(expected).map(async (host) => [host, await one(host, peer)] as const)),
      );
    expect(await decide(byOpenSocket)).toEqual(expected);
    if (psqlVersion !== undefined) expect(await decide(byPsql)).toEqual(expected);
    await peer.close();
  });

  test("an error states the names that the certificate is valid for", async () => {
    const certificate = await authority.issue({ subject: "/CN=x", alternatives: "DNS:a.example,IP:127.0.0.2" });
    const peer = await startPeer((socket) => encrypt(socket, certificate));
    await expect(open("127.0.0.1", peer)).rejects.toMatchObject({
      code: "ERR_TLS_CERT_ALTNAME_INVALID",
      message:
        'The server\'s certificate is not for "127.0.0.1", but for DNS a.example, IP Address 127.0.0.2. ' +
        "Connect by a name that it is for, or use sslmode=verify-ca with sslrootcert, which compares no names.",
    });
    await peer.close();
  });
});

function open(host: string, { port }: Peer) {
  const tls = { mode: "verify-full", rootCertificates: { text: authority.file, setting: "sslrootcert" } } as const;
  const limits = { connectTimeout: 20_000, keepAlive: 30_000 };
  return openSocket({ host: "127.0.0.1", servername: host, port, tls, ...limits });
}

async function byOpenSocket(host: string, peer: Peer): Promise<string> {
  try {
    const socket = await open(host, peer);
    socket.destroy();
    return "accepted";
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ERR_TLS_CERT_ALTNAME_INVALID") return "refused";
    throw error;
  }
}

const HANDSHAKE_DONE = "the handshake was done";

function byPsql(host: string, { port }: Peer): Promise<string> {
  const environment = {
    ...process.env,
    PGHOST: host,
    PGHOSTADDR: "127.0.0.1",
    PGPORT: String(port),
    PGSSLMODE: "verify-full",
    PGSSLROOTCERT: authority.file,
    PGGSSENCMODE: "disable",
    PGCONNECT_TIMEOUT: "20",
    PGUSER: "ada",
    PGDATABASE: "flux",
    LC_ALL: "C",
  };
  return new Promise((resolve) => {
    execFile("psql", ["--no-psqlrc", "--command", "select 1"], { env: environment }, (_error, _stdout, stderr) => {
      const isRefusal = /does not match host name|embedded null|invalid length|get server's host name/.test(stderr);
      resolve(isRefusal ? "refused" : stderr.includes(HANDSHAKE_DONE) ? "accepted" : stderr);
    });
  });
}

function errorResponse(message: string): Buffer {
  const fields = Buffer.from(`SFATAL\0VFATAL\0C57P03\0M${message}\0\0`);
  const head = Buffer.from("E\0\0\0\0");
  head.writeInt32BE(fields.length + 4, 1);
  return Buffer.concat([head, fields]);
}

/** A value of subjectAltName that OpenSSL's notation cannot express. */
function derNames(names: readonly (readonly [tag: number, value: string])[]): string {
  const body = Buffer.concat(
    names.map(([tag, value]) => Buffer.concat([Buffer.from([tag, value.length]), Buffer.from(value, "latin1")])),
  );
  return `DER:${Buffer.concat([Buffer.from([0x30, body.length]), body])
    .toString("hex")
    .replace(/..(?=.)/g, "$&:")}`;
}

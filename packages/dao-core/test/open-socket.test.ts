import { once } from "node:events";
import { chmod, chown, mkdtemp, rm, writeFile } from "node:fs/promises";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TLSSocket } from "node:tls";
import { UnavailableError } from "@flux/dao-core";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type EmbeddedPostgres, startEmbeddedPostgres } from "../../../scripts/postgres/embedded-postgres.ts";
import { findFreePort } from "../../../scripts/postgres/free-port.ts";
import { findServerAccount } from "../../../scripts/postgres/server-account.ts";
import type { SslMode } from "../src/connection-string/tls.ts";
import { openSocket, type SocketOptions } from "../src/drivers/postgres/open-socket.ts";
import { toDaoError } from "../src/session/postgres-errors.ts";
import { type Certificate, type CertificateAuthority, createCertificateAuthority } from "./certificates.ts";
import { encrypt, startPeer } from "./peer.ts";

let authority: CertificateAuthority;

beforeAll(async () => {
  authority = await createCertificateAuthority();
});

afterAll(() => authority.remove());

interface Options extends Partial<SocketOptions> {
  readonly port: number;
  readonly sslMode: SslMode;
  /** The file of the authorities to trust. */
  readonly ca?: string | undefined;
  readonly client?: Certificate;
}

function open({ sslMode, ca, client, ...options }: Options): Promise<Socket> {
  const file = (text: string) => ({ text, setting: "a file of the test" });
  const tls = {
    mode: sslMode,
    ...(ca !== undefined && { rootCertificates: file(ca) }),
    ...(client !== undefined && { client: { certificate: file(client.certFile), key: file(client.keyFile) } }),
  };
  return openSocket({ host: "127.0.0.1", connectTimeout: 20_000, keepAlive: 30_000, tls, ...options });
}

describe("on a PostgreSQL server with TLS", () => {
  let folder: string;
  let server: EmbeddedPostgres;
  let port: number;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "flux-tls-"));
    await chmod(folder, 0o755);
    const { cert, key } = await authority.issue({ subject: "/CN=db.example", alternatives: "IP:127.0.0.1" });
    const certFile = join(folder, "server.pem");
    const keyFile = join(folder, "server.key");
    await writeFile(certFile, cert);
    await writeFile(keyFile, key, { mode: 0o600 });
    const account = await findServerAccount();
    if (account !== undefined) await chown(keyFile, account.uid, account.gid);
    server = await startEmbeddedPostgres({ settings: { ssl: "on", ssl_cert_file: certFile, ssl_key_file: keyFile } });
    port = Number(new URL(server.url).port);
  });

  afterAll(async () => {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  });

  /** Whether the server says that the connection is encrypted. */
  async function isEncrypted(options: Partial<Options> & Pick<Options, "sslMode">): Promise<unknown> {
    // Documented, and missing in its types.
    const socket = { socket: () => open({ port, ...options }) };
    const sql = postgres(server.url, { ssl: false, max: 1, ...socket });
    try {
      const [row] = await sql`select ssl from pg_stat_ssl where pid = pg_backend_pid()`;
      return row?.["ssl"];
    } finally {
      await sql.end();
    }
  }

  test.each([
    { sslMode: "disable", expected: false },
    { sslMode: "allow", expected: true },
    { sslMode: "prefer", expected: true },
    { sslMode: "require", expected: true },
  ] as const)(
    "sslmode=$sslMode does not verify the certificate: encrypted is $expected",
    async ({ sslMode, expected }) => {
      expect(await isEncrypted({ sslMode })).toBe(expected);
    },
  );

  test.each(["require", "verify-ca", "verify-full"] as const)(
    "sslmode=%s trusts the given authority",
    async (sslMode) => {
      expect(await isEncrypted({ sslMode, ca: authority.file })).toBe(true);
    },
  );

  test("verify-ca takes a certificate of another name, verify-full does not", async () => {
    const { file: ca } = authority;
    expect(await isEncrypted({ sslMode: "verify-ca", ca, servername: "other.example" })).toBe(true);
    await expect(open({ port, sslMode: "verify-full", ca, servername: "other.example" })).rejects.toMatchObject({
      code: "ERR_TLS_CERT_ALTNAME_INVALID",
    });
  });

  test.each([
    { sslMode: "verify-ca", ca: undefined },
    { sslMode: "verify-full", ca: undefined },
    { sslMode: "verify-full", ca: "another" },
    { sslMode: "require", ca: "another" },
  ] as const)("sslmode=$sslMode refuses an unknown authority (ca: $ca)", async ({ sslMode, ca }) => {
    const another = ca === undefined ? undefined : await createCertificateAuthority();
    await expect(open({ port, sslMode, ca: another?.file })).rejects.toMatchObject({
      code: expect.stringMatching(
        /^(UNABLE_TO_VERIFY_LEAF_SIGNATURE|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_GET_ISSUER_CERT_LOCALLY)$/,
      ),
      message: expect.stringContaining(`No trust in the certificate of 127.0.0.1:${port}: `),
    });
    await another?.remove();
  });
});

describe("a peer", () => {
  const refusing = [
    { does: "offers no TLS", mode: "require", talk: "N", code: "ERR_TLS_NOT_OFFERED" },
    { does: "offers no TLS", mode: "verify-ca", talk: "N", code: "ERR_TLS_NOT_OFFERED" },
    { does: "offers no TLS", mode: "verify-full", talk: "N", code: "ERR_TLS_NOT_OFFERED" },
    { does: "says more before TLS", mode: "require", talk: "SR\0\0\0\x08\0\0\0\0", code: "EPROTO" },
    { does: "says more before TLS", mode: "prefer", talk: "SR\0\0\0\x08\0\0\0\0", code: "EPROTO" },
    { does: "says more without TLS", mode: "prefer", talk: "NR\0\0\0\x08\0\0\0\0", code: "EPROTO" },
    { does: "responds with an error", mode: "prefer", talk: "E\0\0\0\x09SFATAL\0\0", code: "EPROTO" },
    { does: "speaks HTTP", mode: "prefer", talk: "HTTP/1.1 400 Bad Request\r\n\r\n", code: "EPROTO" },
    {
      does: "promises TLS and speaks something else",
      mode: "require",
      talk: "S",
      afterwards: "no TLS record",
      code: /SSL/,
    },
  ];
  test.each(refusing)("that $does: $mode", async ({ mode, talk, afterwards, code }) => {
    const peer = await startPeer((socket) => {
      socket.write(talk, "latin1");
      socket.once("data", () => afterwards !== undefined && socket.write(afterwards));
    });
    const expected = typeof code === "string" ? code : expect.stringMatching(code);
    await expect(open({ port: peer.port, sslMode: mode as SslMode })).rejects.toMatchObject({ code: expected });
    // The test hangs if a connection is left open.
    await peer.close();
  });

  test.each(["end", "resetAndDestroy"] as const)(
    "that offers TLS and closes is noticed at once: by %s",
    async (how) => {
      const peer = await startPeer((socket) => socket.write("S", () => socket[how]()));
      const opening = open({ port: peer.port, sslMode: "verify-full", ca: authority.file, connectTimeout: 5_000 });
      await expect(opening).rejects.toMatchObject({ code: expect.stringMatching(/^(ECONNRESET|EPIPE)$/) });
      await peer.close();
    },
  );

  test.each(["prefer", "allow"] as const)("that offers no TLS is used without it: %s", async (sslMode) => {
    const peer = await startPeer((socket) => {
      socket.write("N");
      socket.on("data", (more) => socket.end(more));
    });
    const socket = await open({ port: peer.port, sslMode });
    socket.write("hello");
    expect(await once(socket, "data")).toEqual([Buffer.from("hello")]);
    socket.destroy();
    await peer.close();
  });

  test.each([
    { stage: "the connection", talk: "" },
    { stage: "the answer", talk: "S" },
  ])("that closes after $stage", async ({ talk }) => {
    const peer = await startPeer((socket) => socket.end(talk));
    await expect(open({ port: peer.port, sslMode: "prefer" })).rejects.toMatchObject({ code: "ECONNRESET" });
    await peer.close();
  });

  test.each([
    { stage: "the connection", talk: "" },
    { stage: "the answer", talk: "S" },
  ])("that is unresponsive after $stage: the time-out and an abort end the attempt", async ({ talk }) => {
    let reach = () => {};
    const peer = await startPeer((socket) => {
      socket.write(talk);
      socket.on("data", () => {});
      reach();
    });
    const { port } = peer;
    await expect(open({ port, sslMode: "require", connectTimeout: 50 })).rejects.toMatchObject({
      code: "ETIMEDOUT",
      message: expect.stringContaining(`127.0.0.1:${port}: `),
    });
    const reached = new Promise<void>((resolve) => {
      reach = resolve;
    });
    const controller = new AbortController();
    const opening = open({ port, sslMode: "require", signal: controller.signal });
    await reached;
    const reason = new Error("no longer wanted");
    controller.abort(reason);
    await expect(opening).rejects.toBe(reason);
    await expect(open({ port, sslMode: "require", signal: controller.signal })).rejects.toBe(reason);
    await peer.close();
  });

  test("that does not exist", async () => {
    const port = await findFreePort();
    await expect(open({ port, sslMode: "prefer" })).rejects.toMatchObject({
      code: "ECONNREFUSED",
      message: expect.stringContaining(`No connection to 127.0.0.1:${port}: `),
    });
    await expect(open({ host: "localhost", port, sslMode: "prefer" })).rejects.toMatchObject({
      code: "ECONNREFUSED",
      message: expect.stringMatching(/No connection to localhost:\d+: .*127\.0\.0\.1/),
    });
    await expect(open({ host: "nowhere.invalid", port, sslMode: "prefer" })).rejects.toMatchObject({
      code: expect.stringMatching(/^(ENOTFOUND|EAI_AGAIN)$/),
    });
  });

  test("whose certificate has expired", async () => {
    const names = { subject: "/CN=x", alternatives: "IP:127.0.0.1" };
    const certificate = await authority.issue(names, { to: -1 });
    const peer = await startPeer((socket) => encrypt(socket, certificate));
    const { file: ca } = authority;
    await expect(open({ port: peer.port, sslMode: "verify-full", ca })).rejects.toMatchObject({
      code: "CERT_HAS_EXPIRED",
    });
    await peer.close();
  });

  test.each(["extendedKeyUsage=clientAuth", "1.2.3.4=critical,ASN1:UTF8String:unknown"])(
    "whose certificate has %s",
    async (extension) => {
      const alternatives = `IP:127.0.0.1\n${extension}`;
      const certificate = await authority.issue({ subject: "/CN=x", alternatives });
      const peer = await startPeer((socket) => encrypt(socket, certificate));
      const opening = open({ port: peer.port, sslMode: "verify-full", ca: authority.file });
      const error = await opening.catch((reason: unknown) => toDaoError(reason));
      expect(error).toBeInstanceOf(UnavailableError);
      expect(error).toMatchObject({ message: expect.stringMatching(/^No trust in the certificate of/) });
      await peer.close();
    },
  );

  test("that requests the client's certificate and the server name", async () => {
    const certificate = await authority.issue({ subject: "/CN=x", alternatives: "DNS:db.example" });
    const client = await authority.issue({ subject: "/CN=ada" });
    const { ca, file } = authority;
    const peer = await startPeer((socket) => {
      const tls = encrypt(socket, { ...certificate, ca, requestCert: true });
      tls.once("secure", () => tls.end(`${tls.getPeerCertificate().subject.CN} of ${tls.servername}`));
    });
    const { port } = peer;
    const socket = await open({ port, sslMode: "verify-full", servername: "db.example", ca: file, client });
    expect(socket).toBeInstanceOf(TLSSocket);
    expect(String(await once(socket, "data"))).toBe("ada of db.example");
    await peer.close();
  });

  test("at a Unix socket is used without TLS, whatever the mode", async () => {
    const folder = await mkdtemp(join(tmpdir(), "flux-socket-"));
    const path = join(folder, ".s.PGSQL.5432");
    const peer = await startPeer((socket, request) => socket.end(request), path);
    const socket = await open({ path, port: 5432, sslMode: "verify-full" });
    socket.write("hello");
    expect(await once(socket, "data")).toEqual([Buffer.from("hello")]);
    await peer.close();
    await rm(folder, { recursive: true });
    await expect(open({ path, port: 5432, sslMode: "prefer" })).rejects.toMatchObject({ code: "ENOENT" });
  });
});

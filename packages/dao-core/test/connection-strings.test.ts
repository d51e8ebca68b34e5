import { execFile } from "node:child_process";
import { once } from "node:events";
import { chmod, chown, copyFile, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer } from "node:tls";
import { openDatabase, UnavailableError, ValidationError } from "@flux/dao-core";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { type EmbeddedPostgres, startEmbeddedPostgres } from "../../../scripts/postgres/embedded-postgres.ts";
import { findServerAccount } from "../../../scripts/postgres/server-account.ts";
import { postgresDriver } from "../src/drivers/postgres/driver.ts";
import { toDaoError } from "../src/session/postgres-errors.ts";
import { type Certificate, type CertificateAuthority, createCertificateAuthority } from "./certificates.ts";
import { encrypt, startPeer } from "./peer.ts";
import { postgresLocation } from "./postgres-location.ts";

/** A server with TLS, a Unix socket, and rules for who may log in by which. */
let server: EmbeddedPostgres;
let folder: string;
let port: number;
let authority: CertificateAuthority;
let other: CertificateAuthority;
let foreign: CertificateAuthority;
let client: Certificate;
/** Of the client's key, by a passphrase. */
let encryptedKey: string;

/** With characters that a URL must encode. */
const PASSWORD = "p@ss:/?#% &+'\\é";
const encoded = encodeURIComponent(PASSWORD);

const RULES = `
local   all all                   scram-sha-256
hostssl all "by certificate" all  cert
hostssl all encrypted all         scram-sha-256
hostnossl all plain all           scram-sha-256
host    all postgres all          scram-sha-256
host    all ada all               scram-sha-256
`;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "flux-strings-"));
  await chmod(folder, 0o755);
  authority = await createCertificateAuthority();
  other = await createCertificateAuthority();
  foreign = await createCertificateAuthority("Another CA");
  client = await authority.issue({ subject: "/CN=by certificate" });
  const own = await authority.issue({ subject: "/CN=db.example", alternatives: "DNS:db.example,IP:127.0.0.1" });
  const account = await findServerAccount();
  const sockets = join(folder, "sockets");
  await mkdir(sockets);
  const files = { cert: join(folder, "server.pem"), key: join(folder, "server.key"), ca: join(folder, "ca.pem") };
  await writeFile(files.cert, own.cert);
  await writeFile(files.key, own.key, { mode: 0o600 });
  await copyFile(authority.file, files.ca);
  const rules = join(folder, "pg_hba.conf");
  await writeFile(rules, RULES);
  if (account !== undefined) for (const path of [files.key, sockets]) await chown(path, account.uid, account.gid);
  encryptedKey = join(folder, "encrypted.key");
  await run("openssl", [
    "pkey",
    "-in",
    client.keyFile,
    "-aes256",
    "-passout",
    "pass:open sesame",
    "-out",
    encryptedKey,
  ]);
  server = await startEmbeddedPostgres({
    settings: {
      ssl: "on",
      ssl_cert_file: files.cert,
      ssl_key_file: files.key,
      ssl_ca_file: files.ca,
      hba_file: rules,
      unix_socket_directories: sockets,
    },
  });
  port = Number(new URL(server.url).port);
  const admin = postgresDriver(postgresLocation(server.url));
  const literal = `'${PASSWORD.replaceAll("'", "''")}'`;
  for (const role of ["ada", "plain", "encrypted", '"by certificate"']) {
    await admin.execute(`create role ${role} login password ${literal}`, []);
  }
  for (const database of ["ada", '"a/b?c%d"']) await admin.execute(`create database ${database}`, []);
  await admin.execute("create database closed allow_connections false", []);
  await admin.close();
});

afterAll(async () => {
  await server.stop();
  await Promise.all([authority.remove(), other.remove(), foreign.remove(), rm(folder, { recursive: true })]);
});

afterEach(() => {
  vi.unstubAllEnvs();
});

function run(
  command: string,
  args: readonly string[],
  env = process.env,
): Promise<{ code: unknown; out: string; err: string }> {
  return new Promise((resolve) => {
    execFile(command, args, { env }, (error, out, err) => resolve({ code: error?.code ?? 0, out: out.trim(), err }));
  });
}

const fill = (text: string): string =>
  text
    .replaceAll("PORT", String(port))
    .replaceAll("PASSWORD", encoded)
    .replaceAll("FOLDER", folder)
    .replaceAll("CA", authority.file);

/** Who is connected to what, and how. */
const FACTS = `select concat_ws(' ', current_user, current_database(), coalesce(host(inet_server_addr()), 'socket'),
  inet_server_port(), ssl, current_setting('work_mem'), nullif(nullif(application_name, 'flux-dao'), 'psql'))
  from pg_stat_ssl join pg_stat_activity using (pid) where pid = pg_backend_pid()`;

async function factsByUs(url: string): Promise<unknown> {
  const driver = postgresDriver(postgresLocation(url), { poolSize: 1 });
  try {
    return (await driver.execute(FACTS, [])).rows[0]?.[0];
  } finally {
    await driver.close(0);
  }
}

const psql = await run("psql", ["--version"]);
const checkedBy = psql.code === 0 ? `as ${psql.out} says` : "libpq NOT ASKED, there is no psql here";

describe(`a connection string (${checkedBy})`, () => {
  const tcp = (user = "ada", database = user) => `${user} ${database} 127.0.0.1 PORT`;
  test.each<[url: string, facts: string, environment?: Record<string, string>]>([
    ["postgres://ada:PASSWORD@127.0.0.1:PORT", `${tcp()} t 4MB`],
    ["postgres://ada:PASSWORD@127.0.0.1:PORT/a%2Fb%3Fc%25d?sslmode=disable", `${tcp("ada", "a/b?c%d")} f 4MB`],
    ["postgres://ada:PASSWORD@127.0.0.1:PORT?sslmode=require&application_name=a%20b", `${tcp()} t 4MB a b`],
    ["postgres://127.0.0.1?port=PORT&user=ada&password=PASSWORD&dbname=postgres", `${tcp("ada", "postgres")} t 4MB`],
    ["postgres://ada:PASSWORD@127.0.0.1:PORT?options=-c%20work_mem%3D8MB", `${tcp()} t 8MB`],
    ["postgres://encrypted:PASSWORD@127.0.0.1:PORT/postgres", `${tcp("encrypted", "postgres")} t 4MB`],
    ["postgres://plain:PASSWORD@127.0.0.1:PORT/postgres?sslmode=disable", `${tcp("plain", "postgres")} f 4MB`],
    ["postgres://ada:PASSWORD@127.0.0.1:PORT?sslmode=verify-full&sslrootcert=CA", `${tcp()} t 4MB`],
    ["postgres://ada:PASSWORD@localhost:PORT?sslmode=verify-ca&sslrootcert=CA", `${tcp()} t 4MB`],
    ["postgres://ada:PASSWORD@127.0.0.1:PORT", `${tcp()} t 4MB`, { PGSSLMODE: "verify-full", PGSSLROOTCERT: "CA" }],
    ["postgres://ada:PASSWORD@127.0.0.1:PORT?sslmode=prefer", `${tcp()} t 4MB`, { PGSSLMODE: "disable" }],
    ["postgres:///?host=FOLDER/sockets&port=PORT&user=ada&password=PASSWORD", "ada ada socket f 4MB"],
    ["postgres://ada:PASSWORD@:PORT/ada?host=FOLDER/sockets&sslmode=require", "ada ada socket f 4MB"],
    [
      "postgres://",
      "ada ada socket f 4MB",
      { PGHOST: "FOLDER/sockets", PGPORT: "PORT", PGUSER: "ada", PGPASSWORD: PASSWORD },
    ],
    [
      "postgres://",
      `${tcp("ada", "postgres")} f 16MB me`,
      {
        ...{ PGHOST: "127.0.0.1", PGPORT: "PORT", PGUSER: "ada", PGPASSWORD: PASSWORD, PGDATABASE: "postgres" },
        ...{ PGSSLMODE: "disable", PGAPPNAME: "me", PGOPTIONS: "-c work_mem=16MB", PGCONNECT_TIMEOUT: "10" },
      },
    ],
    ["host=127.0.0.1 port=PORT user=ada dbname='a/b?c%d'", `${tcp("ada", "a/b?c%d")} t 4MB`, { PGPASSWORD: PASSWORD }],
    ["postgres://ada@127.0.0.1:PORT", `${tcp()} t 4MB`, { PGPASSFILE: "FOLDER/pgpass" }],
    ["postgres://ada@127.0.0.1:PORT?passfile=FOLDER/pgpass", `${tcp()} t 4MB`],
    ["postgres://ada:wrong@127.0.0.1:PORT", "refused", { PGPASSWORD: PASSWORD }],
    ["postgres://encrypted:PASSWORD@127.0.0.1:PORT/postgres?sslmode=disable", "refused"],
    ["postgres://ada:PASSWORD@localhost:PORT?sslmode=verify-full&sslrootcert=CA", "refused"],
  ])("%s", async (url, facts, environment = {}) => {
    const pass = `127.0.0.1:${port}:*:ada:${PASSWORD.replace(/[:\\]/g, "\\$&")}\n`;
    await writeFile(join(folder, "pgpass"), pass, { mode: 0o600 });
    const filled = Object.entries(environment).map(([name, value]) => [
      name,
      fill(value === PASSWORD ? "" : value) || PASSWORD,
    ]);
    const filledUrl = fill(url);
    for (const [name = "", value] of filled) vi.stubEnv(name, value);
    const expected = fill(facts);
    if (psql.code === 0) {
      const { out, code } = await run("psql", ["-X", "-At", "-w", "-c", FACTS, filledUrl], {
        ...process.env,
        PGGSSENCMODE: "disable",
      });
      expect(code === 0 ? out.trim() : "refused").toBe(expected);
    }
    expect(await factsByUs(filledUrl).catch(() => "refused")).toBe(expected);
  });

  test("the folder of a socket as the host of the URL", async () => {
    const url = fill(`postgres://ada:PASSWORD@${encodeURIComponent(`${folder}/sockets`)}:PORT/ada`);
    expect(await factsByUs(url)).toBe("ada ada socket f 4MB");
    await using database = await openDatabase(url);
    expect(database.description).toBe(`PostgreSQL at ${folder}/sockets/.s.PGSQL.${port}/ada`);
  });

  test("what is given in code counts more", async () => {
    const url = fill(
      "postgres://ada:PASSWORD@127.0.0.1:PORT?application_name=url&statement_timeout=5s&lock_timeout=3000",
    );
    const driver = postgresDriver(postgresLocation(url), { applicationName: "code", lockTimeout: 7_000 });
    const settings = ["application_name", "statement_timeout", "lock_timeout"].map(
      (name) => `current_setting('${name}')`,
    );
    expect((await driver.execute(`select concat_ws(' ', ${settings})`, [])).rows).toEqual([["code 5s 7s"]]);
    await driver.close();
  });
});

test("a database that accepts no connections is named as such", async () => {
  const url = fill("postgres://ada:PASSWORD@127.0.0.1:PORT/closed");
  await expect(openDatabase(url)).rejects.toMatchObject({
    code: "unavailable",
    message: expect.stringMatching(/\/closed\. .*The database may accept no connections/),
  });
});

test.each([
  ["ssl", true],
  ["ssl", { rejectUnauthorized: true }],
  ["sslmode", "verify-full"],
  ["tls", {}],
  ["password", "secret"],
  ["channel_binding", "require"],
])("an option in code that would be passed over although it concerns security is refused: %s", async (name, value) => {
  const options = { [name]: value };
  await expect(openDatabase(fill("postgres://ada:PASSWORD@127.0.0.1:PORT/postgres"), options)).rejects.toMatchObject({
    code: "validation_failed",
    issues: [{ path: name, message: expect.stringContaining("?sslmode=verify-full") }],
  });
});

test("the variables may be others than those of the process, and count instead of those", async () => {
  vi.stubEnv("PGSSLMODE", "disable");
  const url = fill("postgres://ada:PASSWORD@127.0.0.1:PORT/postgres");
  const opening = openDatabase(url, { environment: { PGSSLMODE: "verify-full", PGSSLROOTCERT: other.file } });
  await expect(opening).rejects.toThrow(/No trust in the certificate/);
  await (await openDatabase(url, { environment: { PGSSLMODE: "verify-full", PGSSLROOTCERT: authority.file } })).close();
});

test.each([new URL("postgres://ada:secret@h/x"), null, 5, { connectionString: "postgres://ada:secret@h/x" }])(
  "what is no text is refused with what is expected: %s",
  async (url) => {
    await expect(openDatabase(url as never)).rejects.toThrow(
      /^The database URL must be postgres:\/\/user:password@host/,
    );
  },
);

test("no variable reaches postgres.js by itself", async () => {
  const url = fill("postgres://ada:PASSWORD@127.0.0.1:PORT/postgres");
  const location = postgresLocation(url);
  const variables = {
    PGHOST: "/nowhere",
    PGPORT: "1",
    PGUSER: "eve",
    PGUSERNAME: "eve",
    PGDATABASE: "none",
    PGPASSWORD: "no",
  };
  const own = {
    PGTARGETSESSIONATTRS: "standby",
    PGMAX: "0",
    PGPREPARE: "x",
    PGSSL: "require",
    PGDEBUG: "1",
    PGMAX_PIPELINE: "0",
  };
  const times = { PGIDLE_TIMEOUT: "1", PGCONNECT_TIMEOUT: "1", PGMAX_LIFETIME: "1", PGKEEP_ALIVE: "x", PGBACKOFF: "x" };
  const others = {
    PGAPPNAME: "eve",
    PGSSLNEGOTIATION: "direct",
    PGFETCH_TYPES: "true",
    PGPUBLICATIONS: "x",
    PGTARGET_SESSION_ATTRS: "x",
  };
  for (const [name, value] of Object.entries({ ...variables, ...own, ...times, ...others })) vi.stubEnv(name, value);
  const driver = postgresDriver(location, { poolSize: 1 });
  expect((await driver.execute(FACTS, [])).rows[0]?.[0]).toBe(fill("ada postgres 127.0.0.1 PORT t 4MB"));
  expect(process.env["PGTARGETSESSIONATTRS"]).toBe("standby");
  const failed = await driver.execute("select 1 / $1::int", ["0"]).catch((error: unknown) => error);
  expect(Object.keys(failed as object)).not.toContain("parameters");
  await driver.close();
});

test("without a password, none is taken from a variable that is not for this server", async () => {
  const location = postgresLocation(fill("postgres://ada@127.0.0.1:PORT"));
  vi.stubEnv("PGPASSWORD", PASSWORD);
  const driver = postgresDriver(location, { poolSize: 1 });
  await expect(driver.execute("select 1", [])).rejects.toBeDefined();
  await driver.close(0);
});

describe("TLS", () => {
  const url = (parameters: string, { user = "ada", host = "127.0.0.1" } = {}) =>
    fill(`postgres://${encodeURIComponent(user)}:PASSWORD@${host}:PORT/postgres?${parameters}`);
  const certificate = () => `sslcert=${client.certFile}&sslkey=${client.keyFile}`;

  test("begins at once by sslnegotiation=direct, if the server is new enough", async () => {
    const opening = factsByUs(url("sslmode=verify-full&sslrootcert=CA&sslnegotiation=direct"));
    if (Number.parseInt(server.version, 10) >= 17) expect(await opening).toMatch(/ t 4MB$/);
    else await expect(opening).rejects.toBeDefined();
  });

  test("with a client certificate, whose key may have a passphrase", async () => {
    const user = "by certificate";
    for (const key of [client.keyFile, `${encryptedKey}&sslpassword=open%20sesame`]) {
      expect(await factsByUs(url(`sslmode=require&sslcert=${client.certFile}&sslkey=${key}`, { user }))).toMatch(
        /^by certificate /,
      );
    }
  });

  test("a renewed certificate counts for the next connection", async () => {
    const renewed = join(folder, "renewed.pem");
    await copyFile(client.certFile, renewed);
    const location = postgresLocation(
      url(`sslmode=require&sslcert=${renewed}&sslkey=${client.keyFile}`, { user: "by certificate" }),
    );
    await writeFile(renewed, "half a file");
    const driver = postgresDriver(location, { poolSize: 1 });
    const failure = await driver.execute("select 1", []).catch(toDaoError);
    expect(failure).toMatchObject({
      message: expect.stringContaining("sslcert in the database URL names a file that holds no cert"),
    });
    expect(failure).toBeInstanceOf(UnavailableError);
    await copyFile(client.certFile, renewed);
    await expect
      .poll(() =>
        driver.execute("select 1", []).then(
          () => "works",
          () => "fails",
        ),
      )
      .toBe("works");
    await driver.close();
  });

  const broken = async (name: string, text: string, mode = 0o600) => {
    await writeFile(join(folder, name), text, { mode });
    await chmod(join(folder, name), mode);
    return join(folder, name);
  };

  test.each<[what: string, parameters: () => string | Promise<string>, message: RegExp]>([
    [
      "no such file",
      () => "sslmode=verify-full&sslrootcert=/no/ca.pem",
      /^sslrootcert in the database URL names a file that cannot be read \(ENOENT\)/,
    ],
    [
      "not PEM",
      async () => `sslmode=require&sslrootcert=${await broken("not.pem", "text")}`,
      /^sslrootcert .* no certificate in PEM form/,
    ],
    [
      "empty",
      async () => `sslmode=require&sslrootcert=${await broken("empty.pem", "")}`,
      /^sslrootcert .* no certificate in PEM form/,
    ],
    ["a folder", () => `sslmode=require&sslrootcert=${folder}`, /^sslrootcert .* cannot be read \(EISDIR\)/],
    ["not a list", () => `sslmode=require&sslcrl=${authority.file}`, /^sslcrl .* no list of revoked certificates/],
    ["no certificate", () => `sslcert=/no.pem&sslkey=${client.keyFile}`, /^sslcert .* cannot be read/],
    [
      "no key",
      () => `sslcert=${client.certFile}&sslkey=${client.certFile}`,
      /^sslkey .* holds no private key in PEM form/,
    ],
    [
      "open key",
      async () => `sslcert=${client.certFile}&sslkey=${await broken("open.key", client.key, 0o644)}`,
      /^sslkey .* that others can read: chmod 0600/,
    ],
    [
      "broken key",
      async () =>
        `sslcert=${client.certFile}&sslkey=${await broken("broken.key", client.key.replace(/\n[^-]+\n/, "\nAAAA\n"))}`,
      /^sslkey .* no private key in PEM form/,
    ],
    [
      "another key",
      async () => `sslcert=${client.certFile}&sslkey=${(await other.issue({ subject: "/CN=x" })).keyFile}`,
      /^sslcert .* is a certificate of another key/,
    ],
    [
      "no passphrase",
      () => `sslcert=${client.certFile}&sslkey=${encryptedKey}`,
      /^sslkey .* is encrypted: give its passphrase as sslpassword/,
    ],
    [
      "wrong passphrase",
      () => `sslcert=${client.certFile}&sslkey=${encryptedKey}&sslpassword=hush`,
      /^sslpassword .* is not the passphrase/,
    ],
  ])("files that cannot be used are refused by name: %s", async (_, parameters, message) => {
    const opening = openDatabase(url(await parameters()));
    await expect(opening).rejects.toBeInstanceOf(ValidationError);
    await expect(opening).rejects.toThrow(message);
    await expect(opening).rejects.not.toThrow(/hush|p@ss/);
  });

  test.each<[what: string, url: () => string | Promise<string>, message: RegExp]>([
    [
      "unknown authority",
      () => url("sslmode=verify-full"),
      /No trust in the certificate of 127\.0\.0\.1:\d+: .* Give the certificate of the authority that issued it as sslrootcert\.$/,
    ],
    ["another authority", () => url(`sslmode=require&sslrootcert=${other.file}`), /No trust in .* sslrootcert\.$/],
    [
      "wrong name",
      () => url("sslmode=verify-full&sslrootcert=CA", { host: "localhost" }),
      /not for "localhost", but for DNS db\.example, IP Address 127\.0\.0\.1\. .* sslmode=verify-ca/,
    ],
    [
      "server demands TLS",
      () => url("sslmode=disable", { user: "encrypted" }),
      /takes only encrypted connections from here\. Set sslmode=require/,
    ],
    [
      "server refuses TLS",
      () => url("sslmode=require", { user: "plain" }),
      /pg_hba\.conf does not let this user .* sslmode/,
    ],
    [
      "client certificate demanded",
      () => url("sslmode=require", { user: "by certificate" }),
      /demands a client certificate\. Give sslcert and sslkey/,
    ],
    [
      "client certificate of another authority",
      async () => {
        const stranger = await other.issue({ subject: "/CN=by certificate" });
        return url(`sslmode=require&sslcert=${stranger.certFile}&sslkey=${stranger.keyFile}`, {
          user: "by certificate",
        });
      },
      // The server closes the connection at once, and its alert may be lost with it.
      /does not trust the client certificate of sslcert|demands another client certificate \(sslcert, sslkey\)/,
    ],
    [
      "certificate of another user",
      () => url(`sslmode=require&${certificate()}`, { user: "ada" }).replace(encoded, "wrong"),
      /Check user and password/,
    ],
  ])("a failure says what to set: %s", async (_, address, message) => {
    const error = await openDatabase(await address()).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(UnavailableError);
    expect(error).toMatchObject({ message: expect.stringMatching(message) });
    expect(String(error)).toMatch(/Cannot open PostgreSQL at (?:127\.0\.0\.1|localhost):\d+\/postgres\./);
    expect(String(error)).not.toContain("p@ss");
  });

  test.each([
    ["expired", { to: -1 }, /has expired\. Renew it on the server/],
    ["not valid yet", { from: 1, to: 2 }, /not yet valid\. Check the clocks of this machine and the server\./],
  ])("a failure says what to set: %s", async (_, validity, message) => {
    const certificate = await authority.issue({ subject: "/CN=x", alternatives: "IP:127.0.0.1" }, validity);
    const peer = await startPeer((socket) => encrypt(socket, certificate));
    const parameters = `sslmode=verify-full&sslrootcert=${authority.file}`;
    const opening = openDatabase(`postgres://ada@127.0.0.1:${peer.port}/x?${parameters}`);
    await expect(opening).rejects.toThrow(message);
    await peer.close();
  });

  test("a failure says what to set: server without TLS", async () => {
    const peer = await startPeer((socket) => socket.write("N"));
    const opening = openDatabase(`postgres://ada@127.0.0.1:${peer.port}/x?sslmode=require`);
    await expect(opening).rejects.toThrow(/offers no TLS, which sslmode=require needs\. Switch it on there/);
    await peer.close();
  });

  test("a revoked certificate is refused by sslcrl", async () => {
    const list = join(folder, "crl.pem");
    await authority.revoke(join(folder, "server.pem"), list);
    const opening = openDatabase(url(`sslmode=verify-full&sslrootcert=CA&sslcrl=${list}`));
    await expect(opening).rejects.toThrow(/revoked.* It is in the list of sslcrl/);
  });

  test.each([
    ["expired", () => authority, { to: -1 }, /CRL has expired\. Renew the list of sslcrl\./],
    ["not valid yet", () => authority, { from: 1, to: 2 }, /CRL is not yet valid\. Check the clocks/],
    ["of another authority of that name", () => other, {}, /list of sslcrl is not of the authority that issued it\./],
    ["of another authority", () => foreign, {}, /The list of sslcrl is not of the authority that issued it\./],
  ])("a list of revoked certificates that is %s is named", async (_, issuer, validity, message) => {
    const list = join(folder, "another-crl.pem");
    const { certFile } = await issuer().issue({ subject: "/CN=revoked" });
    await issuer().revoke(certFile, list, validity);
    const opening = openDatabase(url(`sslmode=verify-full&sslrootcert=CA&sslcrl=${list}`));
    await expect(opening).rejects.toThrow(message);
  });

  test("no older version than ssl_min_protocol_version is spoken", async () => {
    const own = await authority.issue({ subject: "/CN=x", alternatives: "IP:127.0.0.1" });
    const peer = await startPeer((socket) => encrypt(socket, { ...own, maxVersion: "TLSv1.2" }));
    const opening = openDatabase(
      `postgres://ada@127.0.0.1:${peer.port}/x?sslmode=require&ssl_min_protocol_version=TLSv1.3`,
    );
    await expect(opening).rejects.toThrow(/No TLS with/);
    await peer.close();
  });

  test("a peer of another protocol is refused when TLS begins at once", async () => {
    const own = await authority.issue({ subject: "/CN=x", alternatives: "IP:127.0.0.1" });
    const https = createServer({ ...own, ALPNProtocols: ["http/1.1"] }).listen(0, "127.0.0.1");
    await once(https, "listening");
    const address = https.address();
    const peerPort = typeof address === "object" && address !== null ? address.port : 0;
    const opening = openDatabase(`postgres://ada@127.0.0.1:${peerPort}/x?sslmode=require&sslnegotiation=direct`);
    await expect(opening).rejects.toThrow(/No TLS with|does not confirm that it is PostgreSQL/);
    https.close();
  });
});

import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { ValidationError } from "../contract/errors.ts";
import { type PostgresLocation, parseDatabaseUrl } from "./database-url.ts";

const home = mkdtempSync(join(tmpdir(), "flux-home-"));
afterAll(() => rmSync(home, { recursive: true }));

/** What is read without a user's own files. */
function read(url: string, environment: Record<string, string> = {}): PostgresLocation {
  const location = parseDatabaseUrl(url, { HOME: join(home, "none"), ...environment });
  if (location.kind !== "postgres") throw new RangeError("needs a server");
  return location;
}

describe("who and where, in libpq's forms", () => {
  const ada = { user: "ada", password: "secret", database: "flux" };
  const at = (host: string, port = 5432) => ({ servers: [{ host, port }] });

  test.each([
    ["postgres://ada:secret@[::1]:5433/flux", { ...ada, ...at("::1", 5433) }],
    ["postgres://ada:secret@[fe80::1%25eth0]/flux", { ...ada, ...at("fe80::1%eth0") }],
    [
      "postgres://a%40b%3Ac%2Fd:%3F%23%25%20%2B+%C3%A9@h/a%2Fb%3Fc",
      { user: "a@b:c/d", password: "?#% ++é", database: "a/b?c" },
    ],
    ["postgres://ada:a@b@c@h/flux", { ...at("h"), user: "ada", password: "a@b@c" }],
    ["postgres://ada:a:b?c#d@h/flux", { ...at("h"), password: "a:b?c#d" }],
    ["postgres://h/flux?user=ada&password=a+b=c@d", { ...at("h"), user: "ada", password: "a+b=c@d", database: "flux" }],
    ["postgres://ada:secret@h:1/flux?host=other&port=2&dbname=third", { ...ada, database: "third", ...at("other", 2) }],
    ["postgres:///flux?host=/run/db", at("/run/db")],
    ["postgres://ada:secret@%2Frun%2Fdb:5433/flux", { ...ada, ...at("/run/db", 5433) }],
    [
      "postgres://ada:secret@/flux?host=/cloudsql/project:region:instance",
      { ...ada, ...at("/cloudsql/project:region:instance") },
    ],
    ["postgres://h?user=ada", { user: "ada", database: "ada" }],
    ["postgres://ada@h?", { user: "ada", database: "ada" }],
    [
      "host=h port=5433 user=ada password='se cret\\' \\\\' dbname = flux",
      { password: "se cret' \\", database: "flux", ...at("h", 5433) },
    ],
    ["host=h user=ada password=a\\ b dbname=''", { user: "ada", password: "a b", database: "ada" }],
    ["dbname=flux host=::1", at("::1")],
  ])("%s", (url, expected) => {
    expect(read(url)).toMatchObject(expected);
  });

  test("the variables of PostgreSQL's own clients count where the URL is silent", () => {
    const environment = { PGHOST: "/run/db", PGPORT: "5433", PGUSER: "ada", PGPASSWORD: "secret", PGDATABASE: "flux" };
    expect(read("postgres://", environment)).toMatchObject({ ...ada, ...at("/run/db", 5433) });
    expect(read("postgres://eve:other@h:1/db", environment)).toMatchObject({
      ...at("h", 1),
      user: "eve",
      password: "other",
    });
    expect(read("postgres://eve:@h", environment)).toMatchObject({ ...at("h", 5433), user: "eve", password: "secret" });
    expect(read("postgres://h", { PGUSER: "", PGPORT: "", PGDATABASE: "flux" })).toMatchObject({
      ...at("h"),
      database: "flux",
    });
  });

  test("a description names the address, never the password", () => {
    const description = (url: string) => read(url).description;
    expect(description("postgres://ada:secret@[::1]/flux?host=/run/db")).toBe(
      "PostgreSQL at /run/db/.s.PGSQL.5432/flux",
    );
    expect(description("postgres://ada:secret@[::1]/flux")).toBe("PostgreSQL at [::1]:5432/flux");
    expect(description("postgres://ada:secret@h1,h2:1/flux")).toBe("PostgreSQL at h1:5432,h2:1/flux");
  });
});

test.each([
  [
    "RDS",
    "postgres://me:p%26w@db.x.eu-west-1.rds.amazonaws.com:5432/app?sslmode=verify-full&sslrootcert=/certs/global-bundle.pem",
    { password: "p&w", tls: { mode: "verify-full" } },
  ],
  [
    "Azure",
    "postgres://me%40flux:pw@flux.postgres.database.azure.com/app?sslmode=require",
    { user: "me@flux", tls: { mode: "require" } },
  ],
  [
    "Azure's keywords",
    "host=flux.postgres.database.azure.com port=5432 dbname=app user=me@flux password=pw sslmode=require",
    { user: "me@flux", database: "app", tls: { mode: "require" } },
  ],
  [
    "Cloud SQL",
    "postgres://me:pw@/app?host=/cloudsql/project:region:instance",
    { servers: [{ host: "/cloudsql/project:region:instance", port: 5432 }] },
  ],
  ["Heroku", "postgres://u1a2b3:p9f8@ec2-3-2-1-0.compute-1.amazonaws.com:5432/d4e5f6", { tls: { mode: "prefer" } }],
  [
    "Neon",
    "postgresql://me:pw@ep-cool-1-pooler.eu-central-1.aws.neon.tech/app?sslmode=verify-full&pgbouncer=true",
    { options: { prepare: false }, tls: { mode: "verify-full" } },
  ],
  [
    "Supabase by Vercel",
    "postgres://postgres.ref:pw@aws-0-eu-west-1.pooler.supabase.com:6543/postgres?sslmode=require&supa=base-pooler.x&pgbouncer=true",
    { user: "postgres.ref", parameters: {}, options: { prepare: false } },
  ],
  [
    "Supabase's session pooler",
    "postgresql://postgres.ref:pw@aws-0-eu-west-1.pooler.supabase.com:5432/postgres?sslmode=verify-full&sslrootcert=/prod-ca.crt",
    { user: "postgres.ref", tls: { mode: "verify-full", rootCertificates: { text: "/prod-ca.crt" } } },
  ],
  [
    "DigitalOcean",
    "postgresql://doadmin:pw@db-1.ondigitalocean.com:25060/defaultdb?sslmode=require",
    { servers: [{ host: "db-1.ondigitalocean.com", port: 25060 }], tls: { mode: "require" } },
  ],
  [
    "Render, outside of it",
    "postgresql://me:pw@dpg-1-a.frankfurt-postgres.render.com/app?sslmode=require",
    { servers: [{ host: "dpg-1-a.frankfurt-postgres.render.com", port: 5432 }], tls: { mode: "require" } },
  ],
  [
    "Prisma, without its schema",
    "postgresql://me:pw@h:5432/app?pgbouncer=true&connection_limit=5&pool_timeout=10",
    { options: { prepare: false, poolSize: 5, acquireTimeout: 10_000 } },
  ],
  [
    "Aiven",
    "postgres://avnadmin:pw@pg-1.aivencloud.com:12345/defaultdb?sslmode=require",
    { database: "defaultdb", tls: { mode: "require" } },
  ],
  [
    "Railway",
    "postgresql://postgres:pw@viaduct.proxy.rlwy.net:12345/railway",
    { database: "railway", tls: { mode: "prefer" } },
  ],
])("what %s hands out, as docs/how-to/connect.md has it changed", (_, url, expected) => {
  expect(read(url)).toMatchObject(expected);
});

test("Neon's own string is refused for its channel binding, with what to do", () => {
  expect(() => read("postgresql://me:pw@ep.neon.tech/app?sslmode=require&channel_binding=require")).toThrow(
    "channel_binding in the database URL is not supported with this value: leave it out, and use sslmode=verify-full",
  );
});

describe("options", () => {
  test.each([
    ["connect_timeout=10", { connectTimeout: 10_000 }],
    ["connect_timeout=0", { connectTimeout: 2_147_483_647 }],
    ["application_name=a%20b", { applicationName: "a b" }],
    ["fallback_application_name=a", { applicationName: "a" }],
    [
      "statement_timeout=5s&lock_timeout=200&idle_in_transaction_session_timeout=1min",
      { statementTimeout: 5_000, lockTimeout: 200, idleInTransactionTimeout: 60_000 },
    ],
    [
      "pgbouncer=true&connection_limit=1&pool_timeout=0",
      { prepare: false, poolSize: 1, acquireTimeout: 2_147_483_647 },
    ],
  ])("?%s", (parameters, expected) => {
    const location = read(`postgres://h/flux?${parameters}`);
    expect(JSON.parse(JSON.stringify(location.options))).toEqual(expected);
    expect(location.parameters).toEqual({});
  });

  test("of the socket", () => {
    expect(read("postgres://h").keepAlive).toBeUndefined();
    expect(read("postgres://h?keepalives=1&keepalives_idle=7").keepAlive).toBe(7_000);
    expect(read("postgres://h?keepalives=0&keepalives_idle=7").keepAlive).toBe(0);
  });

  test("settings of the server are sent to it", () => {
    expect(read("postgres://h?role=writer&work_mem=64MB", { PGOPTIONS: "-c jit=off" }).parameters).toEqual({
      role: "writer",
      work_mem: "64MB",
      options: "-c jit=off",
    });
    expect(read("postgres://h?options=endpoint%3Dep-cool-1&supa=base-pooler.x&uselibpqcompat=true").parameters).toEqual(
      {
        options: "endpoint=ep-cool-1",
      },
    );
  });
});

test.each(["postgres://ada:hush@h/flux&sslmode=verify-full", "postgres://ada:hush@h/flux;sslmode=verify-full&a=b"])(
  "parameters without their ? are no part of the database's name: %s",
  (url) => {
    expect(() => read(url)).toThrow(/must have a \? before its parameters/);
    expect(() => read(url)).not.toThrow(/hush/);
  },
);

test("a line break at the end is no part of the last parameter, or of the database's name", () => {
  expect(read("postgres://ada:hush@h/flux\n").database).toBe("flux");
  expect(read("postgres://ada:hush@h/flux?sslmode=require\r\n").tls.mode).toBe("require");
});

test("a user and a password for each host are rejected, not taken for one long password", () => {
  expect(() => read("postgres://u:p@h1:5432,u:p@h2:5433/flux")).toThrow(
    /user and password once, before the first host/,
  );
  expect(() => read("postgres://u:hush@h1:5432,v:hush@h2/flux")).not.toThrow(/hush/);
  expect(read("postgres://u:p@ss,1@h/flux")).toMatchObject({ password: "p@ss,1" });
});

describe("TLS", () => {
  test.each([
    ["", {}, "prefer"],
    ["sslmode=verify-full", { PGSSLMODE: "disable" }, "verify-full"],
    ["", { PGSSLMODE: "verify-full" }, "verify-full"],
    ["", { PGREQUIRESSL: "1" }, "require"],
    ["ssl=true", {}, "require"],
    ["ssl=false", { PGSSLMODE: "" }, "disable"],
    ["ssl=true&sslmode=verify-full", {}, "verify-full"],
    ["ssl=true", { PGSSLMODE: "disable" }, "require"],
    ["ssl=verify-full", { PGSSLMODE: "require" }, "verify-full"],
    ["ssl=false", { PGSSLMODE: "require" }, "disable"],
    ["sslmode=require&sslmode=require", {}, "require"],
    ["sslrootcert=system", {}, "verify-full"],
    ["", { PGSSLROOTCERT: "system" }, "verify-full"],
  ])("?%s and %j is %s", (parameters, environment, mode) => {
    expect(read(`postgres://h/flux?${parameters}`, environment).tls.mode).toBe(mode);
  });

  test("files, versions and how it begins", () => {
    const url =
      "postgres://h?sslmode=verify-ca&sslrootcert=/ca.pem&sslcert=/c.pem&sslkey=/c.key&sslpassword=p&sslcrl=/crl.pem";
    const { tls } = read(`${url}&ssl_min_protocol_version=TLSv1.3&sslsni=0&sslnegotiation=direct`);
    expect(tls).toMatchObject({
      mode: "verify-ca",
      rootCertificates: { text: "/ca.pem" },
      revocations: { text: "/crl.pem" },
      client: { certificate: { text: "/c.pem" }, key: { text: "/c.key" } },
      passphrase: { text: "p" },
      minVersion: "TLSv1.3",
      hidesName: true,
      isDirect: true,
    });
    expect(read(`${url}&sslcertmode=disable`).tls.client).toBeUndefined();
  });

  test("the files of ~/.postgresql are used, as by libpq, unless others are named", () => {
    const HOME = join(home, "with-files");
    mkdirSync(join(HOME, ".postgresql"), { recursive: true });
    for (const name of ["root.crt", "postgresql.crt", "postgresql.key"])
      writeFileSync(join(HOME, ".postgresql", name), "");
    const own = (name: string) => ({ text: join(HOME, ".postgresql", name) });
    const client = { certificate: own("postgresql.crt"), key: own("postgresql.key") };
    expect(read("postgres://h?sslmode=verify-ca", { HOME }).tls).toMatchObject({
      rootCertificates: own("root.crt"),
      client,
    });
    expect(read("postgres://h?sslrootcert=/ca.pem", { HOME }).tls).toMatchObject({
      rootCertificates: { text: "/ca.pem" },
    });
    expect(read("postgres://h?sslrootcert=system", { HOME }).tls.rootCertificates).toBeUndefined();
  });
});

test.each([
  "postgres://h/db?sslmode=verify-full&sslmode=disable",
  "postgres://h/db?channel_binding=require&channel_binding=prefer",
  "host=h sslmode=verify-full sslmode=disable",
])("of two values neither is passed over: %s", (url) => {
  expect(() => parseDatabaseUrl(url, {})).toThrow("must not have a parameter twice");
});

describe("what cannot be honoured is refused by name", () => {
  const wrong = [
    ...["channel_binding=require", "require_auth=scram-sha-256", "requirepeer=postgres", "sslcertmode=require"],
    ...[
      "sslcompression=1",
      "sslcrldir=/crls",
      "gssencmode=require",
      "krbsrvname=postgres",
      "gssdelegation=1",
      "gsslib=gssapi",
    ],
    ...[
      "sslmode=no-verify",
      "sslmode=",
      "sslmode=VERIFY-FULL",
      "ssl=yes",
      "ssl=true&sslmode=disable",
      "ssl=true&sslmode=prefer",
      "ssl=verify-full&sslmode=require",
      "encrypt=true",
      "secure=true",
      "pwd=secret",
      "sslnegotiation=always",
      "sslsni=2",
      "sslrootcert=system",
    ],
    ...[
      "ssl_min_protocol_version=TLSv9",
      "sslcert=/c.pem",
      "sslkey=/c.key",
      "sslnegotiation=direct",
      "sslaccept=strict",
    ],
    ...["hostaddr=10.0.0.1", "service=mine", "replication=database", "client_encoding=LATIN1", "tcp_user_timeout=5000"],
    ...[
      "keepalives_count=3",
      "connect_timeout=soon",
      "connect_timeout=-1",
      "statement_timeout=5parsec",
      "connection_limit=0",
    ],
    ...[
      "max=5",
      "idle_timeout=5",
      "prepare=false",
      "fetch_types=false",
      "statement_cache_size=0",
      "database=x",
      "pgbouncer=yes",
    ],
    ...[
      "TimeZone=Asia/Kolkata",
      "datestyle=German",
      "connectTimeout=3",
      "sslMode=require",
      "scram_client_key=x",
      "oauth_issuer=x",
    ],
    ...["sslmod=verify-full", "min_protocol_version=3.2", "target_session_attrs=master", "load_balance_hosts=yes"],
  ];
  test.each(wrong)("?%s", (parameter) => {
    const before = parameter === "sslrootcert=system" ? "sslmode=require&" : "";
    const open = () => read(`postgres://ada:secret@h/flux?${before}${parameter}`);
    expect(open).toThrow(ValidationError);
    const isOfAnother = /^ssl(?:negotiation|rootcert)=(?:direct|system)$/.test(parameter);
    expect(open).toThrow(isOfAnother ? /sslmode/ : parameter.split("=")[0]);
    expect(open).not.toThrow(/secret|\?|undefined/);
  });

  test.each([
    ["PGCHANNELBINDING", "require"],
    ["PGREQUIREAUTH", "password"],
    ["PGREQUIREPEER", "postgres"],
    ["PGGSSENCMODE", "require"],
    ["PGSERVICE", "mine"],
    ["PGHOSTADDR", "10.0.0.1"],
    ["PGSSLMODE", "full"],
    ["PGSSLMODE", "no-verify"],
    ["PGSSLCERT", "/c.pem"],
    ["PGSSLCRLDIR", "/crls"],
    ["PGCONNECT_TIMEOUT", "soon"],
    ["PGTARGETSESSIONATTRS", "master"],
  ])("%s=%s", (name, value) => {
    expect(() => read("postgres://h", { [name]: value })).toThrow(new RegExp(`^${name} `));
  });

  test.each([
    "channel_binding=prefer",
    "gssencmode=disable",
    "sslcompression=0",
    "client_encoding=UTF8",
    "replication=false",
  ])("what asks for nothing is taken: %s", (parameter) =>
    expect(read(`postgres://h?${parameter}`).parameters).toEqual({}),
  );

  test.each(["statement_timeout=5", "timezone=Asia/Kolkata"])(
    "options must not set %s, which the session sets",
    (setting) => {
      expect(() => read("postgres://h", { PGOPTIONS: `-c jit=off -c ${setting}` })).toThrow(
        /_timeout, in PGOPTIONS|timezone, in PGOPTIONS/,
      );
    },
  );

  test("verify-ca needs an authority, since each public one would do", () => {
    expect(() => read("postgres://h?sslmode=verify-ca")).toThrow(/^sslmode in the database URL .*sslrootcert/);
  });
});

describe("hostile and mistaken", () => {
  test.each([
    "postgres://ada:sec/ret@h/flux",
    "postgres://ada:12/ret@h/flux",
    "postgres://ada:sec[ret@h]/flux",
    "postgres://ada:50%secret@h/flux",
    "postgres://ada:%00secret@h/flux",
    "postgres://ada:%ff%fesecret@h/flux",
    "postgres://h/flux?password=sec&ret=1",
    "postgres://h/flux?password=sec&Ret=1",
    "postgres://h/flux?password=secret&ret",
    "postgres://secret@[::1/flux",
    "postgres://ada:secret@h:5432:1/flux",
    "postgres://ada:secret@h:+1/flux",
    "postgres://ada:secret@h:0x10/flux",
    "postgres://ada:secret@h h/flux",
    "postgres://ada:secret@::1/flux",
    "postgres://ada:secret@h/flux?__proto__=secret&sslmode",
    "postgres://ada:secret@h/flux?constructor=1&ssl=secret",
    "host=h password=sec ret",
    "host=h password='secret",
    "host=h password=secret'x",
    "host=h;password=secret",
    "jdbc:postgresql://ada:secret@h/flux",
    "Server=h;Database=flux;User Id=ada;Password=secret;",
  ])("%s", (url) => {
    const error = (() => {
      try {
        return read(url);
      } catch (caught) {
        return caught;
      }
    })();
    if (url.includes("&ret=1")) return; // A setting, as far as one can tell.
    expect(error).toBeInstanceOf(ValidationError);
    expect(String(error)).not.toMatch(/sec|ret\b|12/);
  });
});

describe("the password file", () => {
  const file = join(home, "pgpass");
  const write = (...lines: string[]) => {
    writeFileSync(file, lines.join("\n"), { mode: 0o600 });
    chmodSync(file, 0o600);
  };
  const password = (url: string, environment = {}) => read(url, { PGPASSFILE: file, ...environment }).password;

  test("has its first line that matches", () => {
    write(
      "# h:5432:flux:ada:commented",
      "other:*:*:*:no",
      "h:5433:flux:ada:port",
      "h:5432:flux:ada:exact",
      "*:*:*:*:any",
    );
    expect(password("postgres://ada@h/flux")).toBe("exact");
    expect(password("postgres://ada@h:5433/flux")).toBe("port");
    expect(password("postgres://eve@h/flux")).toBe("any");
    expect(password("postgres://ada:url@h/flux")).toBe("url");
    expect(password("postgres://ada@h/flux", { PGPASSWORD: "variable" })).toBe("variable");
  });

  test("escapes colons and backslashes", () => {
    write(
      "fe80\\:\\:1:5432:a\\:b:a\\\\d\\*a:p\\:q\\\\r:rest",
      "h:5432:flux:ada:",
      "h:5432:flux",
      "",
      "\r",
      "h:*:*:*:crlf\r",
    );
    expect(password("postgres://a%5Cd*a@[fe80::1]/a:b")).toBe("p:q\\r");
    expect(password("postgres://ada@h/flux")).toBe("");
    expect(password("postgres://ada@h/other")).toBe("crlf");
  });

  test("says localhost for the default Unix socket, and the folder for others", () => {
    write("localhost:*:*:*:default", "/run/db:*:*:*:own");
    expect(password("postgres://ada@/flux?host=/var/run/postgresql")).toBe("default");
    expect(password("postgres://ada@/flux?host=/run/db")).toBe("own");
    expect(password("postgres://ada@localhost/flux")).toBe("default");
  });

  test("must have one password for several servers", () => {
    write("h1:*:*:*:one", "h2:*:*:*:one", "h3:*:*:*:three");
    expect(password("postgres://ada@h1,h2/flux")).toBe("one");
    expect(() => password("postgres://ada@h1,h3/flux")).toThrow(/^PGPASSFILE has different passwords/);
  });

  test("that others can read is refused, if it is needed", () => {
    write("*:*:*:*:secret");
    chmodSync(file, 0o640);
    expect(() => password("postgres://ada@h/flux")).toThrow(
      /^PGPASSFILE is a password file that others can read: chmod 0600/,
    );
    expect(password("postgres://ada:url@h/flux")).toBe("url");
  });

  test("need not exist, and is ~/.pgpass by default", () => {
    expect(password("postgres://ada@h/flux", { PGPASSFILE: "/dev/null" })).toBeUndefined();
    expect(password("postgres://ada@h/flux?passfile=/no/such/file")).toBeUndefined();
    writeFileSync(join(home, ".pgpass"), "h:*:*:*:own", { mode: 0o600 });
    expect(parseDatabaseUrl("postgres://ada@h/flux", { HOME: home })).toMatchObject({ password: "own" });
  });
});

import { describe, expect, test } from "vitest";
import { ValidationError } from "../contract/errors.ts";
import { parseDatabaseUrl } from "./database-url.ts";

describe("a database URL", () => {
  test.each([
    ["postgres://ada:secret@db.example:6543/flux", "PostgreSQL at db.example:6543/flux"],
    ["postgresql://ada:secret@db.example/flux", "PostgreSQL at db.example:5432/flux"],
    ["postgresql+asyncpg://ada:secret@db.example/flux", "PostgreSQL at db.example:5432/flux"],
    ["postgres://ada@localhost", "PostgreSQL at localhost:5432/ada"],
  ])("%s", (url, description) => {
    const location = parseDatabaseUrl(url);
    expect(location).toMatchObject({ kind: "postgres", description });
  });

  test.each([
    ["memory://", { kind: "memory" }],
    ["./data", { kind: "folder", path: "./data" }],
    ["/var/data", { kind: "folder", path: "/var/data" }],
    ["..", { kind: "folder", path: ".." }],
    ["file:///var/my%20data", { kind: "folder", path: "/var/my data" }],
  ])("%s is embedded", (url, location) => {
    expect(parseDatabaseUrl(url)).toEqual(location);
  });

  test.each([
    ["postgres://ada:50%@db/flux", "%25"],
    ["postgres://ada:secret@db/flux?sslmode=bogus", "sslmode"],
    ["file://%zz/x", "postgres://"],
    ["postgres://ada:secret@db:99999/flux", "1 to 65535"],
    ["postgres://ada:secret@db:0/flux", "1 to 65535"],
  ])("%s is rejected with the reason", (url, expected) => {
    expect(() => parseDatabaseUrl(url)).toThrow(ValidationError);
    expect(() => parseDatabaseUrl(url)).toThrow(expected);
  });

  test.each([
    undefined,
    "",
    " ",
    "localhost:5432/flux",
    "mysql://ada:secret@db/flux",
    "data",
    "//ada:secret@db/flux",
    "/\\ada:secret@db/flux",
  ])("%s is rejected with what is expected, and without possible secrets", (url) => {
    expect(() => parseDatabaseUrl(url)).toThrow(ValidationError);
    expect(() => parseDatabaseUrl(url)).toThrow(/postgres:\/\/user:password@host:5432\/database/);
    expect(() => parseDatabaseUrl(url)).not.toThrow(/secret/);
  });
});

test.each([
  "search_path=flux",
  "schema=flux",
  "currentSchema=flux",
  "options=-c%20search_path%3Dflux",
  "options=-csearch_path=flux",
  "options=--search-path=flux",
])("a schema in the URL, as by ?%s, is rejected with the name of the option", (parameters) => {
  expect(() => parseDatabaseUrl(`postgres://localhost/flux?${parameters}`)).toThrow(
    "give the schema as the option schema, or as DB_SCHEMA",
  );
});

describe("several servers", () => {
  const servers = (url: string, environment = {}) => {
    const location = parseDatabaseUrl(url, environment);
    return location.kind === "postgres" ? location.servers.map(({ host, port }) => `${host} ${port}`) : undefined;
  };

  test.each([
    ["postgres://ada:secret@h1:5433,h2,[::1]:5434/flux", ["h1 5433", "h2 5432", "::1 5434"]],
    ["postgres://h1,h2/flux", ["h1 5432", "h2 5432"]],
    ["postgres://ada@/flux?host=h1,h2&port=5433,5434", ["h1 5433", "h2 5434"]],
    ["postgres:///flux?host=h1,/run/db&port=5433", ["h1 5433", "/run/db 5433"]],
    ["host=h1,h2 port=,5434 dbname=flux", ["h1 5432", "h2 5434"]],
  ])("%s", (url, expected) => {
    expect(servers(url, { PGPORT: "1,2,3" })).toEqual(expected);
  });

  test("PGHOST and PGPORT may list them too", () => {
    expect(servers("postgres:///flux", { PGHOST: "h1,h2", PGPORT: "5433" })).toEqual(["h1 5433", "h2 5433"]);
  });

  test("which one, in which order", () => {
    expect(parseDatabaseUrl("postgres://h1,h2/flux", {})).toMatchObject({ targetSession: "any", balancesLoad: false });
    const url = "postgres://h1,h2/flux?target_session_attrs=read-write&load_balance_hosts=random";
    const location = parseDatabaseUrl(url, { PGTARGETSESSIONATTRS: "standby", PGLOADBALANCEHOSTS: "disable" });
    expect(location).toMatchObject({ targetSession: "read-write", balancesLoad: true, parameters: {} });
    const inherited = parseDatabaseUrl("postgres://h1,h2", { PGTARGETSESSIONATTRS: "prefer-standby" });
    expect(inherited).toMatchObject({ targetSession: "prefer-standby" });
  });

  test.each([
    [
      "postgres://h1,h2/flux?target_session_attrs=master",
      /^target_session_attrs in the database URL must be one of any, read/,
    ],
    [
      "postgres://h1,h2/flux?load_balance_hosts=true",
      /^load_balance_hosts in the database URL must be one of disable, r/,
    ],
    [
      "postgres://h1,h2/flux?port=1,2,3",
      /^port in the database URL must have one port, or as many as there are hosts \(2\)/,
    ],
  ])("%s is rejected by name", (url, message) => {
    expect(() => parseDatabaseUrl(url, {})).toThrow(message);
  });
});

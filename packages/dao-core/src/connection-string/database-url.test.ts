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
    "postgres://ada:secret@db:99999/flux",
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

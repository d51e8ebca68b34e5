import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const source = dirname(fileURLToPath(import.meta.url));

/** The rooms from the ground up: a file imports from its own room and those before it (docs/architecture.md). */
const rooms = [
  "contract",
  "schema",
  "connection-string",
  "session",
  "drivers",
  "dao",
  "engine",
  "unit-of-work",
  "run-once",
  "service",
  "migrations",
  "diagnosis",
  "database",
  "index",
  "opentelemetry",
  "testing",
];

/** The service room and the migrations know sessions, but no DAO and no Drizzle. */
const notFrom: Readonly<Record<string, readonly string[]>> = {
  "unit-of-work": ["dao"],
  service: ["dao", "schema", "run-once", "drivers"],
  migrations: ["dao", "unit-of-work", "service", "drivers"],
  dao: ["drivers"],
};

/** Only these may know the ORM; everything above them is written against the port. */
const mayImportDrizzle: ReadonlySet<string> = new Set(["schema", "drivers", "dao", "diagnosis"]);

/** An entry of its own: whoever has no OpenTelemetry imports nothing of it. */
const mayImportOpenTelemetry = "opentelemetry";

const files = readdirSync(source, { recursive: true, encoding: "utf8" })
  .map((file) => file.replaceAll("\\", "/"))
  .filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts"));

const roomOf = (file: string) => file.replace(/\.ts$/, "").split("/")[0] ?? file;

interface Imports {
  readonly file: string;
  readonly relative: readonly string[];
  readonly packages: readonly string[];
}

const imports: readonly Imports[] = files.map((file) => {
  const text = readFileSync(join(source, file), "utf8");
  const specifiers = [...text.matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g)].map((match) => match[1] ?? "");
  return {
    file,
    relative: specifiers
      .filter((specifier) => specifier.startsWith("."))
      .map((specifier) => relative(source, resolve(source, dirname(file), specifier)).replaceAll("\\", "/")),
    packages: specifiers.filter((specifier) => !specifier.startsWith(".")),
  };
});

test("there are files to look at, and every one is in a known room", () => {
  expect(files.length).toBeGreaterThan(40);
  expect([...new Set(files.map(roomOf))].sort()).toEqual([...rooms].sort());
});

describe("imports run one way", () => {
  test.each(imports)("$file", ({ file, relative: targets, packages }) => {
    const room = roomOf(file);
    for (const target of targets) {
      expect(files, `${file} imports ${target}`).toContain(target);
      expect(rooms.indexOf(roomOf(target)), `${file} imports ${target}`).toBeLessThanOrEqual(rooms.indexOf(room));
      expect(notFrom[room] ?? [], `${file} imports ${target}`).not.toContain(roomOf(target));
    }
    if (!mayImportDrizzle.has(room)) {
      expect(
        packages.filter((name) => name.startsWith("drizzle-orm")),
        `${file} imports the ORM`,
      ).toEqual([]);
    }
    if (room !== mayImportOpenTelemetry) {
      expect(packages.filter((name) => name.startsWith("@opentelemetry"))).toEqual([]);
      expect(targets.map(roomOf), `${file} imports what only its own entry may`).not.toContain("opentelemetry");
    }
  });
});

test("no cycles", () => {
  const targets = new Map(imports.map((one) => [one.file, one.relative]));
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): void => {
    expect(path, "a cycle").not.toContain(file);
    if (done.has(file)) return;
    for (const target of targets.get(file) ?? []) visit(target, [...path, file]);
    done.add(file);
  };
  for (const file of files) visit(file, []);
});

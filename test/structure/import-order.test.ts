import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { describe, expect, test } from "vitest";

interface Package {
  readonly name: string;
  /** From the bottom up: a file imports from its own room and from earlier ones (docs/architecture.md). */
  readonly rooms: readonly string[];
  /** Earlier rooms that a room must not import from. */
  readonly notFrom: Readonly<Record<string, readonly string[]>>;
  /** Which rooms may import a package, by the start of its name. All others may not. */
  readonly onlyFor: Readonly<Record<string, readonly string[]>>;
}

const packages: readonly Package[] = [
  {
    name: "dao-core",
    rooms: [
      "contract",
      "schema",
      "connection-string",
      "session",
      "drivers",
      "dao",
      "unit-of-work",
      "idempotency",
      "service",
      "migrations",
      "diagnosis",
      "changes",
      "database",
      "join",
      "index",
      "opentelemetry",
      "testing",
    ],
    notFrom: {
      "unit-of-work": ["dao"],
      // Services and migrations know sessions, but no DAO and no Drizzle.
      service: ["dao", "schema", "idempotency", "drivers"],
      migrations: ["dao", "unit-of-work", "service", "drivers"],
      dao: ["drivers"],
      testing: ["opentelemetry"],
    },
    // The ORM is behind the port; OpenTelemetry is an entry of its own, and is not loaded without that entry.
    onlyFor: { "drizzle-orm": ["schema", "dao", "join"], "@opentelemetry": ["opentelemetry"] },
  },
  {
    name: "dao-http",
    rooms: [
      "wire",
      "http",
      "api",
      "openapi",
      "app",
      "node",
      "client",
      "opentelemetry",
      "process",
      "cli",
      "index",
      "server",
      "testing",
      "explore",
    ],
    notFrom: {
      // A page in browsers, which uses the service as any client does. Nothing imports it.
      explore: ["wire", "http", "api", "openapi", "app", "node", "process", "cli", "index", "server", "testing"],
      // The client builds on the table of operations and the wire format alone.
      client: ["http", "openapi", "app", "node"],
      index: ["client", "process", "cli", "opentelemetry"],
    },
    onlyFor: { "@opentelemetry": ["opentelemetry"], zod: [], preact: ["explore"] },
  },
];

/** The maximum number of files in a room; larger rooms must be split. */
const MOST_FILES_OF_A_ROOM = 15;

const roomOf = (file: string) => file.replace(/\.ts$/, "").split("/")[0] ?? file;

interface Imports {
  readonly file: string;
  readonly relative: readonly string[];
  readonly packages: readonly string[];
}

function readImports(source: string): readonly Imports[] {
  return readdirSync(source, { recursive: true, encoding: "utf8" })
    .map((file) => file.replaceAll("\\", "/"))
    .filter((file) => /\.tsx?$/.test(file) && !file.endsWith(".test.ts"))
    .map((file) => {
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
}

describe.each(packages)("$name", ({ name, rooms, notFrom, onlyFor }) => {
  const imports = readImports(resolve(`packages/${name}/src`));
  const files = new Set(imports.map(({ file }) => file));

  test("every file is in a known room", () => {
    expect(files.size).toBeGreaterThan(40);
    expect([...new Set([...files].map(roomOf))].sort()).toEqual([...rooms].sort());
  });

  test("imports run in one direction", () => {
    const wrong = imports.flatMap(({ file, relative: targets }) => {
      const room = roomOf(file);
      return targets
        .filter(
          (target) =>
            !files.has(target) ||
            rooms.indexOf(roomOf(target)) > rooms.indexOf(room) ||
            notFrom[room]?.includes(roomOf(target)) === true,
        )
        .map((target) => `${file} imports ${target}`);
    });
    expect(wrong).toEqual([]);
  });

  test("packages are imported where they belong", () => {
    const wrong = imports.flatMap(({ file, packages: targets }) =>
      targets
        .filter((target) =>
          Object.entries(onlyFor).some(
            ([start, allowed]) => target.startsWith(start) && !allowed.includes(roomOf(file)),
          ),
        )
        .map((target) => `${file} imports ${target}`),
    );
    expect(wrong).toEqual([]);
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
});

test.each([
  ["dao-core", 4],
  ["dao-http", 3],
])("no folder of %s has too many files, and %i are in the root", (name, flat) => {
  const counts = new Map<string, number>();
  for (const { file } of readImports(resolve(`packages/${name}/src`))) {
    if (file.endsWith(".gen.ts") || file.startsWith("testing/")) continue;
    counts.set(dirname(file), (counts.get(dirname(file)) ?? 0) + 1);
  }
  expect([...counts].filter(([, count]) => count > MOST_FILES_OF_A_ROOM)).toEqual([]);
  expect(counts.get(".")).toBe(flat);
});

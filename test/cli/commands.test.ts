import type { ChildProcess } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLogger } from "@flux/dao-http";
import { readSettings, startService } from "@flux/dao-http/server";
import postgres from "postgres";
import { afterEach, beforeEach, describe, expect, inject, test } from "vitest";
import { toMigrationError } from "../../packages/dao-core/src/migrations/migration-error.ts";
import { forOperators } from "../../packages/dao-http/src/process/operator-text.ts";
import { VERSION } from "../../packages/dao-http/src/wire/version.gen.ts";
import { findFreePort } from "../../scripts/postgres/free-port.ts";
import { useCommand } from "./run-command.ts";

const run = useCommand();

/** A user's mistake gets a message without a stack trace or a secret. */
function expectSentence(text: string): void {
  expect(text).not.toMatch(/\n\s+at |node:|\.[mc]?js:\d|secret/);
  expect(text.trim()).toMatch(/^[A-Z].*\.$/s);
}

describe("flux-dao describes its usage", () => {
  test("lists the commands, and each command has its own help", async () => {
    const help = await run(["--help"]);
    expect(help).toMatchObject({ exit: 0, stderr: "" });
    const names = [...help.stdout.matchAll(/^ {2}([a-z]+) /gm)].map(([, name = ""]) => name);
    expect(names).toEqual(["serve", "migrate", "doctor", "seed", "openapi"]);
    for (const name of names) {
      const page = await run([name, "--help"]);
      expect(page).toMatchObject({ exit: 0, stderr: "" });
      expect(page.stdout).toContain(`Usage: flux-dao ${name}`);
      expect(await run(["help", name])).toEqual(page);
    }
    expect(await run(["help"])).toEqual(help);
  });

  test("tells its version", async () => {
    const version = { exit: 0, stdout: `${VERSION}\n`, stderr: "" };
    expect(await run(["--version"])).toEqual(version);
    expect(await run(["-v"])).toEqual(version);
  });

  test.each([
    [[], "A command is missing."],
    [["start"], "There is no command start."],
    [["migarte"], "There is no command migarte. Did you mean migrate?"],
    [["help", "sed"], "There is no command sed. Did you mean seed?"],
    [["constructor"], "There is no command constructor."],
    [["--verison"], "There is no command --verison. Did you mean --version?"],
    [["migrate", "--force"], "There is no option --force."],
    [["migrate", "--chek"], "There is no option --chek. Did you mean --check?"],
    [["migrate", "--port", "1"], "There is no option --port."],
    [["migrate", "--database-url", ""], "--database-url must not be empty."],
    [["migrate", "--schema", "a", "--schemas", "a"], "--schema and --schemas cannot be combined."],
    [["migrate", "now"], "There is no argument now: a value belongs to an option."],
    [["migrate", "--schema"], "--schema needs a value."],
    [["migrate", "--schema", "--plan"], "--schema needs a value. One that begins with a dash is written --schema=-…"],
    [["migrate", "--plan=yes"], "--plan takes no value."],
    [["migrate", "--plan", "--check"], "cannot be combined"],
    [["migrate", "--plan", "--schemas", "a"], "cannot be combined"],
    [["migrate", "--schemas", "a,,b"], "--schemas must be names"],
    [["openapi", "--out"], "--out needs a value."],
    [["seed", "--users", "many"], "--users must be a whole number"],
    [["seed", "--users", "0", "--tasks", "1"], "--users must be at least 1"],
    [["seed", "--seed", "4294967296"], "--seed must be"],
    [["seed", "--from", "2026-02-30"], "--from must be a day"],
  ])("invalid usage such as %j exits with 2", async (args, sentence) => {
    const { exit, stdout, stderr } = await run(args);
    expect({ exit, stdout }).toEqual({ exit: 2, stdout: "" });
    expect(stderr).toContain(sentence);
    const [name = ""] = args;
    expect(stderr).toContain(`Usage: flux-dao ${["migrate", "openapi", "seed"].includes(name) ? name : "COMMAND"}`);
    expect(stderr).not.toMatch(/\n\s+at /);
  });
});

describe("flux-dao openapi", () => {
  test("prints the document, or writes it to a file", async () => {
    const { exit, stdout, stderr } = await run(["openapi"]);
    expect({ exit, stderr }).toEqual({ exit: 0, stderr: "" });
    expect(JSON.parse(stdout)).toMatchObject({ openapi: "3.1.0", paths: { "/api/v1/tasks/": {} } });
    const folder = await mkdtemp(join(tmpdir(), "flux-openapi-"));
    try {
      const out = join(folder, "openapi.json");
      expect((await run(["openapi", "--out", out])).exit).toBe(0);
      expect(await readFile(out, "utf8")).toBe(stdout);
      const nowhere = await run(["openapi", "--out", join(folder, "none", "openapi.json")]);
      expect(nowhere.exit).toBe(1);
      expectSentence(nowhere.stderr);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

test
  .skipIf(!existsSync("/dev/full"))
  .each([["openapi", "--out", "/dev/full"], ["openapi"], ["doctor"], ["doctor", "--json"]])(
  "a full disk gets a sentence: %s %s",
  async (...args) => {
    const full = await open("/dev/full", "w");
    try {
      const { exit, stderr } = await run(args, {}, undefined, undefined, full.fd);
      expect(exit).toBe(1);
      expectSentence(stderr);
    } finally {
      await full.close();
    }
  },
);

test("a folder without a database is refused by the commands that create none, and is not created", async () => {
  const folder = await mkdtemp(join(tmpdir(), "flux-typo-"));
  const missing = join(folder, "none");
  try {
    for (const args of [["doctor"], ["migrate", "--plan"], ["migrate", "--check"], ["seed"]]) {
      const { exit, stdout, stderr } = await run([...args, "--database-url", missing]);
      expect(exit).toBe(1);
      expect(stdout + stderr).toContain(`There is no database in the folder ${missing}. Correct `);
      expect(existsSync(missing)).toBe(false);
    }
  } finally {
    await rm(folder, { recursive: true });
  }
});

describe("when the reader closes the pipe early, like head", () => {
  test("the command ends silently", async () => {
    const leave = async ({ stdout }: ChildProcess) => void stdout?.destroy();
    const { exit, stderr } = await run(["openapi"], {}, leave);
    expect({ exit, stderr }).toEqual({ exit: 0, stderr: "" });
  });
});

describe("flux-dao migrate and doctor", () => {
  let admin: postgres.Sql;
  let sql: postgres.Sql;
  let name: string;
  let url: string;
  beforeEach(async () => {
    name = `flux_scratch_${randomUUID().replaceAll("-", "")}`;
    admin = postgres(inject("adminUrl"), { max: 1, onnotice: () => undefined });
    await admin.unsafe(`create database ${name}`);
    const database = new URL(inject("adminUrl"));
    database.pathname = `/${name}`;
    url = database.href;
    sql = postgres(url, { max: 1, onnotice: () => undefined });
  });
  afterEach(async () => {
    await sql.end();
    await admin.unsafe(`drop database ${name} with (force)`);
    await admin.end();
  });

  const on = (...args: string[]) => run(args, { DATABASE_URL: url });

  test("migrate creates the schema, and then has nothing to do; the exit code of --check distinguishes the two", async () => {
    const before = await on("migrate", "--check");
    expect(before.exit).toBe(1);
    expectSentence(before.stderr);
    const first = await on("migrate");
    expect(first.exit).toBe(0);
    expect(first.stderr).toContain("0000_initial");
    const second = await on("migrate", "--json");
    expect(JSON.parse(second.stdout)).toMatchObject({ applied: [], adopted: false });
    expect(await on("migrate", "--check")).toMatchObject({ exit: 0, stdout: "" });
    expect(JSON.parse((await on("migrate", "--check", "--json")).stdout)).toMatchObject({ applied: [] });
    expect(await on("migrate", "--plan")).toMatchObject({ exit: 0, stdout: "" });
  });

  test("options and the file .env stand for variables, options first", async () => {
    const folder = await mkdtemp(join(tmpdir(), "flux-env-"));
    try {
      await writeFile(join(folder, ".env"), `DATABASE_URL=${url}\nDB_SCHEMA=from_file\nDB_LOCK_TIMEOUT_MS=3s\n`);
      const refused = await run(["migrate"], {}, undefined, folder);
      expect(refused).toMatchObject({ exit: 1, stdout: "" });
      expect(refused.stderr).toContain("Settings from .env: DATABASE_URL, DB_LOCK_TIMEOUT_MS, DB_SCHEMA.");
      const args = ["migrate", "--schema", "from_option", "--json"];
      const migrated = await run(args, { DB_LOCK_TIMEOUT_MS: "900" }, undefined, folder);
      expect(migrated).toMatchObject({ exit: 0, stderr: "Settings from .env: DATABASE_URL.\n" });
      const schemas = await sql`select nspname from pg_namespace where nspname like 'from_%'`;
      expect(schemas).toEqual([{ nspname: "from_option" }]);
      // As Windows' editors save it; and a variable that is empty counts as not set.
      await writeFile(join(folder, ".env"), `\uFEFFDATABASE_URL=${url}\r\n`);
      expect((await run(["migrate"], { DATABASE_URL: "" }, undefined, folder)).exit).toBe(0);
      for (const mark of ["\uFEFF", ""]) {
        await writeFile(join(folder, ".env"), `${mark}DATABASE_URL=${url}\n`, "utf16le");
        const unreadable = await run(["migrate"], {}, undefined, folder);
        expect(unreadable).toMatchObject({ exit: 1, stderr: expect.stringMatching(/\.env cannot be read.*UTF-8/) });
        expectSentence(unreadable.stderr);
      }
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test("errors of --json are JSON, name the option that was given, and the server", async () => {
    const error = async (...args: string[]) => {
      const { exit, stdout, stderr } = await run([...args, "--json"]);
      expect(stderr).toBe("");
      return { exit, ...JSON.parse(stdout).error };
    };
    expect(await error("migrate", "--all")).toMatchObject({ exit: 2, code: "usage" });
    expect(await error("migrate", "--database-url", "mysql://u:secret@h/d")).toMatchObject({
      exit: 1,
      code: "invalid_settings",
      message: expect.stringMatching(/^--database-url must be postgres:/),
    });
    const port = await findFreePort();
    expect(await error("migrate", "--database-url", `postgres://u:secret@127.0.0.1:${port}/d`)).toMatchObject({
      exit: 1,
      code: "unavailable",
      message: expect.stringMatching(`^Cannot open PostgreSQL at 127.0.0.1:${port}/d\\. .*nothing accepts connections`),
    });
    const doctor = ["doctor", "--json", "--database-url", `postgres://u:secret@127.0.0.1:${port}/d`];
    const examined: { name: string; message: string }[] = JSON.parse(
      (await run(doctor, { DATABASE_URLS: "x" })).stdout,
    );
    expect(examined.at(-1)?.message).toMatch(/host and port in --database-url; then try again\.$/);
    expect(examined.find(({ name }) => name === "settings")?.message).toContain(" DATABASE_URLS is not a setting");
    expect(await error("seed", "--database-url", url)).toMatchObject({
      exit: 1,
      code: "schema_version",
      message: expect.stringMatching(/Run flux-dao migrate\.$/),
    });
  });

  test("where DATABASE_URL is not set, or misspelt, the sentence says so, and what was tried", async () => {
    const { exit, stderr } = await run(["migrate"], { PGCONNECT_TIMEOUT: "2", DATABSE_URL: "./data" });
    expect(exit).toBe(1);
    const [warning, ...error] = stderr.split(/(?<=\n)/);
    expect(warning).toMatch(/^Warning: DATABSE_URL is not a setting, .* Did you mean DATABASE_URL\?\n$/);
    expect(error.join("")).toMatch(
      /^Cannot open PostgreSQL at localhost:54322\/postgres\. .* DATABASE_URL is not set, so that of a local Supabase/,
    );
    expectSentence(error.join(""));
  });

  test("the SQL that --plan prints migrates the database when it is run by hand; --plan itself changes nothing", async () => {
    const { exit, stdout } = await on("migrate", "--plan");
    expect(exit).toBe(0);
    expect((await on("migrate", "--check")).exit).toBe(1);
    await sql.unsafe(stdout);
    expect((await on("migrate", "--check")).exit).toBe(0);
    expect((await on("doctor", "--json")).exit).toBe(0);
  });

  test("--changes enables the change feed, also of many schemas, with --plan and --check before; doctor and --check examine it", async () => {
    await on("migrate");
    const check = await on("migrate", "--check", "--changes");
    expect(check.exit).toBe(1);
    expect(check.stderr).toContain("Run flux-dao migrate --changes.");
    expect((await on("migrate", "--check")).exit).toBe(0);
    expect((await on("migrate", "--changes", "--plan")).stdout).toContain("flux_dao_change_feed");
    const first = await on("migrate", "--changes");
    expect(first).toMatchObject({ exit: 0, stderr: expect.stringContaining("The change feed is enabled.") });
    expect(JSON.parse((await on("migrate", "--changes", "--json")).stdout)).toMatchObject({ changesEnabled: false });
    for (const flags of [["--changes"], []]) {
      const { stdout, ...checked } = await on("migrate", "--check", "--json", ...flags);
      expect([checked.exit, JSON.parse(stdout)]).toMatchObject([0, { enablesChanges: false }]);
    }
    const many = await on("migrate", "--schemas", "a,b", "--changes", "--json");
    expect(JSON.parse(many.stdout).migrated).toMatchObject([{ changesEnabled: true }, { changesEnabled: true }]);
    const [found] =
      await sql`select to_regclass('a.flux_dao_change_feed')::text as a, to_regclass('b.flux_dao_change_feed')::text as b`;
    expect(found).toEqual({ a: "a.flux_dao_change_feed", b: "b.flux_dao_change_feed" });
    expect((await on("doctor", "--json")).exit).toBe(0);
    await sql.unsafe("drop trigger flux_dao_changes_update on goals");
    expect((await on("migrate", "--check")).stderr).toContain("flux_dao_changes_update of goals is missing");
    expect((await on("doctor")).exit).toBe(1);
  });

  test("DB_SCHEMA and --schemas name the schemas that are migrated and examined, and those that failed", async () => {
    await sql.unsafe("create schema tenant_1; create schema tenant_2; create table tenant_2.users (id int)");
    const own = { DATABASE_URL: url, DB_SCHEMA: "flux" };
    expect((await run(["migrate"], own)).exit).toBe(0);
    expect((await run(["doctor", "--json"], own)).exit).toBe(0);
    const many = await on("migrate", "--schemas", "tenant_*,other");
    expect(many).toMatchObject({ exit: 1, stdout: "" });
    expect(many.stderr).toMatch(/^\d of 3 {2}tenant_1: The schema is now at version/m);
    expect(many.stderr).toMatch(/^\d of 3 {2}tenant_2: failed: .*users/m);
    expect(many.stderr).toMatch(/^Failed: tenant_2\./m);
    const found = await on("doctor", "--schemas", "flux,other,tenant_*", "--json");
    expect(found.exit).toBe(1);
    const failed = JSON.parse(found.stdout).filter(({ ok }: { ok: boolean }) => !ok);
    expect(failed).toMatchObject([{ schema: "tenant_2", name: "schema" }]);
    await sql.unsafe("begin; lock table tenant_1.flux_dao_migrations in access exclusive mode");
    const locked = { DATABASE_URL: url, DB_LOCK_TIMEOUT_MS: "200" };
    const looked = await run(["doctor", "--schemas", "other,tenant_1,tenant_2", "--json"], locked);
    await sql.unsafe("rollback");
    expect(JSON.parse(looked.stdout).filter(({ ok }: { ok: boolean }) => !ok)).toMatchObject([
      { schema: "tenant_1", name: "database" },
      { schema: "tenant_2", name: "schema" },
    ]);
    await sql.unsafe("drop table tenant_2.users");
    const again = await on("migrate", "--schemas", "tenant_*", "--json");
    expect(again.exit).toBe(0);
    expect(JSON.parse(again.stdout)).toMatchObject({
      failed: [],
      migrated: [{ schema: "tenant_1" }, { schema: "tenant_2" }],
    });
    expect((await on("migrate", "--schemas", "nothing_*")).exit).toBe(1);
    expect((await run(["migrate"], { DATABASE_URL: url, DB_SCHEMA: "pg_catalog" })).stderr).toContain(
      "DB_SCHEMA must be",
    );
  });

  test("they need no keys, and describe problems of the database in a sentence", async () => {
    const production = { NODE_ENV: "production", DATABASE_URL: url };
    expect((await run(["migrate"], production)).exit).toBe(0);
    const port = await findFreePort();
    for (const bad of ["mysql://me:secret@db/x", `postgres://me:secret@127.0.0.1:${port}/x`]) {
      for (const args of [["migrate"], ["migrate", "--plan"], ["migrate", "--check"]]) {
        const { exit, stdout, stderr } = await run(args, { DATABASE_URL: bad });
        expect({ exit, stdout }).toEqual({ exit: 1, stdout: "" });
        expectSentence(stderr);
      }
      const { exit, stdout } = await run(["doctor"], { DATABASE_URL: bad });
      expect(exit).toBe(1);
      expect(stdout).toMatch(/^fail {2}(settings|database) /m);
      expect(stdout).not.toMatch(/secret|\n\s+at /);
    }
  });

  const safety: readonly [given: string, environment: Record<string, string>, parameters: string, message: RegExp][] = [
    ["in a variable", { PGSSLMODE: "verify-full" }, "", /offers no TLS, which sslmode=verify-full needs/],
    ["in the URL", {}, "?sslmode=require", /offers no TLS, which sslmode=require needs/],
    ["that cannot be honoured, in the URL", {}, "?channel_binding=require", /channel_binding in DATABASE_URL is not/],
    [
      "that cannot be honoured, in a variable",
      { PGCHANNELBINDING: "require" },
      "",
      /PGCHANNELBINDING is not supported/,
    ],
    ["for a schema", { DB_SCHEMA: "flux" }, "?search_path=flux", /search_path in DATABASE_URL .* as DB_SCHEMA/],
  ];
  test.each(safety)(
    "what concerns security is obeyed or refused by each command: %s",
    async (_, given, parameters, message) => {
      const keys = { SERVICE_API_KEYS: '["a-key-that-is-long-enough"]', PORT: "0" };
      const folder = await mkdtemp(join(tmpdir(), "flux-env-"));
      try {
        for (const args of [["migrate"], ["migrate", "--schemas", "a"], ["seed"], ["serve"], ["doctor"]]) {
          const environment = { ...keys, DATABASE_URL: `${url}${parameters}`, ...given };
          const inFile = Object.entries(environment).map(([name, value]) => `${name}='${value}'\n`);
          await writeFile(join(folder, ".env"), inFile.join(""));
          const outcome = await run(args, {}, undefined, folder);
          expect(outcome.exit, args.join(" ")).toBe(1);
          expect(`${outcome.stdout}${outcome.stderr}`, args.join(" ")).toMatch(message);
        }
        expect(await sql`select from pg_tables where schemaname !~ '^(pg_|information)'`).toHaveLength(0);
      } finally {
        await rm(folder, { recursive: true });
      }
    },
  );

  test("a service takes PG variables from the environment that its settings are read from", async () => {
    const settings = readSettings({ DATABASE_URL: url, PGSSLMODE: "verify-full", PORT: "0" });
    const starting = startService(settings, createLogger({ level: "silent" }));
    await expect(starting).rejects.toThrow(/offers no TLS, which sslmode=verify-full needs/);
  });

  const findings = async (environment: Readonly<Record<string, string>> = {}) => {
    const { exit, stdout } = await run(["doctor", "--json"], { DATABASE_URL: url, ...environment });
    const all: readonly { name: string; ok: boolean; message: string }[] = JSON.parse(stdout);
    expect(exit).toBe(all.every(({ ok }) => ok) ? 0 : 1);
    return new Map(all.map((finding) => [finding.name, finding]));
  };

  test("doctor finds nothing wrong with a migrated database", async () => {
    expect((await findings()).get("schema")).toMatchObject({ ok: false });
    await on("migrate");
    const found = await findings();
    expect([...found.keys()]).toEqual([
      ...["version", "settings", "database", "server", "clock", "schema", "drift", "rules", "privileges", "changes"],
    ]);
    expect([...found.values()].filter(({ ok }) => !ok)).toEqual([]);
    expect((await on("doctor")).stdout).toMatch(/^ok {4}drift /m);
    expect(found.get("changes")?.message).toBe(
      "The change feed is not enabled; flux-dao migrate --changes enables it.",
    );
    expect((await on("doctor")).stdout).toContain("flux-dao migrate --changes enables it.");
    await on("migrate", "--changes");
    expect((await findings()).get("changes")?.message).toBe("The change feed is enabled.");
  });

  test("doctor reports changes outside the migrations, missing privileges of a role, and keys that are too short", async () => {
    await on("migrate");
    await sql.unsafe(`drop index tasks_goal_id_idx; alter table users drop constraint users_name_length;
      alter table goals alter column title drop not null; alter table tasks alter column title type varchar(9);
      alter table demo_flags drop column virtual_now`);
    const { message = "" } = (await findings()).get("drift") ?? {};
    for (const part of [
      "tasks_goal_id_idx",
      "users_name_length",
      "goals.title",
      "tasks.title",
      "demo_flags.virtual_now",
    ]) {
      expect(message).toContain(part);
    }
    expect((await findings({ SERVICE_API_KEYS: '{"scheduler": "short"}' })).get("keys")).toMatchObject({
      ok: false,
      message: expect.stringContaining("scheduler"),
    });
    await sql.unsafe(`create role ${name} login password 'p'; grant select on all tables in schema public to ${name}`);
    try {
      const limited = new URL(url);
      limited.username = name;
      limited.password = "p";
      expect((await findings({ DATABASE_URL: limited.href })).get("privileges")).toMatchObject({
        ok: false,
        message: expect.stringContaining("the role may not insert, update, delete on public.goals"),
      });
    } finally {
      await sql.unsafe(`drop owned by ${name}; drop role ${name}`);
    }
  });
});

test("advice about a migration names no setting that does not apply to it", () => {
  const progress = { schema: "public", to: 2, step: "a step" };
  const adviceOn = (code: string) =>
    forOperators(String(toMigrationError(Object.assign(new Error(), { code }), progress)));
  expect(adviceOn("55P03")).toMatch(/Run flux-dao migrate again when long transactions have ended\.$/);
  expect(adviceOn("57014")).toMatch(/Run flux-dao migrate again\.$/);
  expect(forOperators("Use a longer lockTimeout.")).toBe("Use a longer DB_LOCK_TIMEOUT_MS.");
});

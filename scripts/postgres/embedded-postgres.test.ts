import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { chmod, cp, lstat, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import postgres from "postgres";
import { afterEach, describe, expect, test, vi } from "vitest";
import { type EmbeddedPostgres, type EmbeddedPostgresOptions, startEmbeddedPostgres } from "./embedded-postgres.ts";
import { locateServerPackage } from "./server-binaries.ts";
import { startTestServer } from "./test-server.ts";

const isRoot = process.geteuid?.() === 0;
const ROOT_ONLY = "needs root: other users run the server under their own account, which has access to their folders";
const cleanups: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function start(options?: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const server = await startEmbeddedPostgres(options);
  cleanups.push(() => server.stop());
  return server;
}

/** A folder that every account can enter, like a typical working copy. */
async function makeFolder(mode = 0o755): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "embedded-postgres-test-"));
  cleanups.push(() => rm(folder, { recursive: true, force: true }));
  await chmod(folder, mode);
  return folder;
}

function connect(url: string): postgres.Sql {
  // Servers are killed under open connections here, so ignore notices and reconnections.
  const sql = postgres(url, { max: 1, onnotice: () => {}, connect_timeout: 10 });
  cleanups.push(() => sql.end({ timeout: 1 }));
  return sql;
}

async function readSetting(url: string, name: string): Promise<string> {
  const [row] = await connect(url)<{ value: string }[]>`select current_setting(${name}) as value`;
  return row?.value ?? "";
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Copies the package as it is before its install script runs: without links between the libraries. */
async function copyBinaries(folder: string): Promise<string> {
  const copy = join(folder, "package");
  const filter = async (path: string) => !(await lstat(path)).isSymbolicLink();
  await cp(locateServerPackage(), copy, { recursive: true, filter });
  return copy;
}

interface Parent {
  readonly child: ChildProcess;
  readonly server: { readonly pid: number; readonly url: string; readonly dataDirectory: string };
}

/** Runs a server in a separate Node.js process, which runs `then` after the start. */
async function startInParent(then: string): Promise<Parent> {
  const code = `
    import { startEmbeddedPostgres } from "./scripts/postgres/embedded-postgres.ts";
    import postgres from "postgres";
    const server = await startEmbeddedPostgres();
    ${then}
    console.log(JSON.stringify(server));
  `;
  const child = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "-e", code], {
    cwd: fileURLToPath(new URL("../..", import.meta.url)),
    stdio: ["ignore", "pipe", "inherit"],
    detached: true,
  });
  cleanups.push(async () => child.kill("SIGKILL"));
  const [line] = await once(createInterface({ input: child.stdout }), "line");
  return { child, server: JSON.parse(String(line)) };
}

describe("startEmbeddedPostgres", { timeout: 60_000 }, () => {
  test("starts a temporary server in UTF-8 and locale C, and leaves nothing behind", async () => {
    const server = await start({ settings: { max_connections: "37" } });
    const [row] = await connect(server.url)`
      select current_user, pg_encoding_to_char(encoding) as encoding, datcollate
      from pg_database where datname = current_database()`;
    expect(row).toEqual({ current_user: "postgres", encoding: "UTF8", datcollate: "C" });
    expect(await readSetting(server.url, "max_connections")).toBe("37");
    expect(await readSetting(server.url, "fsync")).toBe("off");
    expect(await readSetting(server.url, "listen_addresses")).toBe("127.0.0.1");
    expect(await readSetting(server.url, "server_version")).toBe(server.version);

    await server.stop();
    await server.stop();
    expect(isAlive(server.pid)).toBe(false);
    expect(existsSync(dirname(server.dataDirectory))).toBe(false);
  });

  test("requires the password", async () => {
    const server = await start({ password: "a:b/c@d" });
    expect(await readSetting(server.url, "fsync")).toBe("off");
    const url = new URL(server.url);
    url.password = "wrong";
    await expect(readSetting(url.href, "fsync")).rejects.toThrow("password authentication failed");
  });

  test("keeps the data of a given directory across a restart", async () => {
    const dataDirectory = join(await makeFolder(), "new", "data");
    const first = await start({ dataDirectory });
    expect(first).toMatchObject({ dataDirectory });
    expect(await readSetting(first.url, "fsync")).toBe("on");
    await connect(first.url)`create table kept as select 42 as answer`;
    await first.stop();

    const second = await start({ dataDirectory });
    expect(await connect(second.url)`select answer from kept`).toEqual([{ answer: 42 }]);
    expect(new URL(second.url).password).toBe(new URL(first.url).password);
  });

  test("restarts after the server was killed under an open connection", async () => {
    const dataDirectory = join(await makeFolder(), "data");
    const first = await start({ dataDirectory });
    await connect(first.url)`create table kept as select 42 as answer`;
    process.kill(first.pid, "SIGKILL");

    const second = await start({ dataDirectory });
    expect(await connect(second.url)`select answer from kept`).toEqual([{ answer: 42 }]);
  });

  test("restarts when the pid in a stale postmaster.pid belongs to another process", async ({ skip }) => {
    skip(process.platform !== "linux", "needs /proc");
    const dataDirectory = join(await makeFolder(), "data");
    const first = await start({ dataDirectory });
    const left = await readFile(join(dataDirectory, "postmaster.pid"), "utf8");
    await first.stop();
    await writeFile(join(dataDirectory, "postmaster.pid"), left.replace(/^\d+/, String(process.pid)));

    const second = await start({ dataDirectory });
    expect(await readSetting(second.url, "data_directory")).toBe(dataDirectory);
  });

  test("refuses a data directory in use", async () => {
    const dataDirectory = join(await makeFolder(), "data");
    const first = await start({ dataDirectory });
    await expect(start({ dataDirectory })).rejects.toThrow(
      `The data directory ${dataDirectory} is in use by a running PostgreSQL server (pid ${first.pid})`,
    );
  });

  test("refuses a data directory of another major version", async () => {
    const dataDirectory = await makeFolder();
    await writeFile(join(dataDirectory, "PG_VERSION"), "12\n");
    await expect(start({ dataDirectory })).rejects.toThrow(
      /The data directory .* is of PostgreSQL 12, and these binaries are PostgreSQL \d+\.\d+/,
    );
  });

  test("refuses a directory with other contents", async () => {
    const dataDirectory = await makeFolder();
    await writeFile(join(dataDirectory, "notes.txt"), "mine");
    await expect(start({ dataDirectory })).rejects.toThrow("is not empty and contains no PostgreSQL data");
    expect((await lstat(dataDirectory)).uid).toBe(process.geteuid?.() ?? 0);
  });

  test("refuses a port in use", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    cleanups.push(async () => other.close());
    await once(other, "listening");
    const address = other.address();
    const port = typeof address === "object" ? (address?.port ?? 0) : 0;
    await expect(start({ port })).rejects.toThrow(`Port ${port} on 127.0.0.1 cannot be used`);
  });

  test("shows the end of the log when the server does not start", async () => {
    await expect(start({ settings: { shared_buffers: "plenty" } })).rejects.toThrow(
      /did not start in .*invalid value for parameter "shared_buffers": "plenty"/s,
    );
  });

  test("links the shared libraries that the package's install script would have linked", async () => {
    const binaries = await copyBinaries(await makeFolder());
    const server = await start({ binaries });
    expect(server.note).toBeUndefined();
    expect(await readSetting(server.url, "server_version")).toBe(server.version);
  });
});

describe("the end of the parent process", { timeout: 60_000 }, () => {
  test.for(["SIGKILL", "SIGTERM", "SIGINT"] as const)("ends the server at %s", async (signal) => {
    const { child, server } = await startInParent("setInterval(() => {}, 1e6);");
    expect(isAlive(server.pid)).toBe(true);
    child.kill(signal);
    await vi.waitUntil(() => !isAlive(server.pid) && !existsSync(dirname(server.dataDirectory)), { timeout: 20_000 });
  });

  test("does not wait for the server", async () => {
    const { child, server } = await startInParent("");
    if (child.exitCode === null) await once(child, "exit");
    expect(child.exitCode).toBe(0);
    await vi.waitUntil(() => !isAlive(server.pid), { timeout: 20_000 });
  });

  test("can finish queries after a Ctrl-C in the terminal", async () => {
    const { child, server } = await startInParent(`
      process.once("SIGINT", async () => {
        const sql = postgres(server.url);
        await sql\`select pg_sleep(0.3)\`;
        await sql.end();
        await server.stop();
        process.exit(7);
      });
      setInterval(() => {}, 1e6);`);
    // A terminal signals the whole foreground process group.
    process.kill(-Number(child.pid), "SIGINT");
    await once(child, "exit");
    expect(child.exitCode).toBe(7);
    expect(isAlive(server.pid)).toBe(false);
  });
});

describe("folders that the server's account cannot access", { timeout: 60_000 }, () => {
  test("data is relocated, and found again", async ({ skip }) => {
    skip(!isRoot, ROOT_ONLY);
    const wanted = join(await makeFolder(0o700), "app", "data");
    const first = await start({ dataDirectory: wanted });
    cleanups.push(() => rm(first.dataDirectory, { recursive: true, force: true }));
    cleanups.push(() => first.stop());
    expect(first.dataDirectory).not.toBe(wanted);
    expect(first.note).toContain(`cannot use ${wanted}`);
    expect(existsSync(wanted)).toBe(false);
    await connect(first.url)`create table kept as select 42 as answer`;
    await first.stop();

    const second = await start({ dataDirectory: wanted });
    cleanups.push(() => second.stop());
    expect(second.dataDirectory).toBe(first.dataDirectory);
    expect(await connect(second.url)`select answer from kept`).toEqual([{ answer: 42 }]);
  });

  test("binaries are copied once, by the first of several processes", async ({ skip }) => {
    skip(!isRoot, ROOT_ONLY);
    const binaries = await copyBinaries(await makeFolder(0o700));
    // A fake version, whose copy this test can remove.
    const manifest = join(binaries, "package.json");
    await writeFile(
      manifest,
      (await readFile(manifest, "utf8")).replace(/"version": ".*"/, `"version": "${Date.now()}"`),
    );
    const [first, second] = await Promise.all([start({ binaries }), start({ binaries })]);
    const copy = /run from a copy in (\S+):/.exec(first.note ?? "")?.[1] ?? "";
    cleanups.unshift(() => rm(copy, { recursive: true, force: true }));
    expect(copy).not.toBe("");
    expect(second.note).toBe(first.note);
    const made = (await lstat(copy)).ino;
    await start({ binaries });
    expect((await lstat(copy)).ino).toBe(made);
  });
});

describe("startTestServer", { timeout: 120_000 }, () => {
  test("returns a server and its origin", async () => {
    const server = await startTestServer();
    cleanups.push(() => server.stop());
    expect(server.describe).toMatch(/^PostgreSQL \d+(\.\d+)?, /);
    expect(Number(await readSetting(server.url, "max_connections"))).toBeGreaterThan(0);
  });

  test("uses the server that TEST_DATABASE_URL names, and leaves it running", async () => {
    const own = await start();
    vi.stubEnv("TEST_DATABASE_URL", own.url);
    cleanups.push(async () => vi.unstubAllEnvs());
    const server = await startTestServer();
    expect(server).toMatchObject({ kind: "TEST_DATABASE_URL", url: own.url });
    expect(server.describe).toBe(`PostgreSQL ${own.version}, named by TEST_DATABASE_URL`);
    await server.stop();
    expect(await readSetting(own.url, "fsync")).toBe("off");
  });

  test("names the TEST_DATABASE_URL that does not respond, without its password", async () => {
    vi.stubEnv("TEST_DATABASE_URL", "postgres://someone:secret@127.0.0.1:1/nothing");
    cleanups.push(async () => vi.unstubAllEnvs());
    const failure = startTestServer();
    await expect(failure).rejects.toThrow("The PostgreSQL server at 127.0.0.1:1 does not respond");
    await expect(failure).rejects.not.toThrow("secret");
  });
});

import { execFile, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { chmod, copyFile, cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import postgres from "postgres";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { packageManager, repository } from "./repository.ts";

const NODE = [process.execPath, "--import", "tsx", "scripts/dev.ts"];
/** Upper bound for a stop, which usually takes a second or two. */
const STOP_MS = 20_000;

/** A copy of this repository without builds: `dev` builds in it and stores its data there. */
let copy = "";
const cleanups: (() => void)[] = [];

beforeAll(async () => {
  copy = await mkdtemp(join(tmpdir(), "flux-dev-"));
  // For root, the account that runs the database needs access to this folder.
  await chmod(copy, 0o755);
  const filter = (path: string) => !["dist", "coverage"].includes(basename(path));
  for (const folder of ["scripts", "packages", "examples", "docs"]) {
    // The links to dependencies are relative, and resolve to those of the copy.
    await cp(join(repository, folder), join(copy, folder), { recursive: true, verbatimSymlinks: true, filter });
  }
  // Without pnpm-workspace.yaml pnpm does not install first; the modules are those of this repository.
  for (const file of ["package.json", "tsconfig.base.json", "tsconfig.json"]) {
    await copyFile(join(repository, file), join(copy, file));
  }
  await symlink(join(repository, "node_modules"), join(copy, "node_modules"));
});
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});
afterAll(() => rm(copy, { recursive: true, force: true }));

interface Dev {
  readonly child: ReturnType<typeof spawn>;
  /** Resolves once the output matches `pattern`; rejects with the output if the process ends first. */
  readonly shown: (pattern: RegExp) => Promise<string>;
  readonly output: () => string;
  /** The exit code, or the signal that ended the process. */
  readonly exited: Promise<number | NodeJS.Signals>;
}

function startDev([command = "", ...args]: readonly string[], variables: NodeJS.ProcessEnv = {}): Dev {
  const { DATABASE_URL: _1, SERVICE_API_KEYS: _2, NODE_ENV: _3, HOST: _4, LOG_LEVEL: _5, ...env } = process.env;
  const child = spawn(command, args, {
    cwd: copy,
    env: { ...env, PORT: "0", DEV_DATABASE_PORT: "0", ...variables },
    stdio: ["ignore", "pipe", "pipe"],
    // A process group of its own, as a terminal's jobs have.
    detached: true,
  });
  cleanups.push(() => {
    if (child.exitCode === null && child.signalCode === null) killAll(familyOf([child.pid]));
  });
  let output = "";
  const onText = (text: string) => {
    output += text;
    child.emit("output");
  };
  child.stdout.setEncoding("utf8").on("data", onText);
  child.stderr.setEncoding("utf8").on("data", onText);
  const exited = once(child, "exit").then(([code, signal]) => code ?? signal);
  const closed = once(child, "close");
  const shown = async (pattern: RegExp): Promise<string> => {
    for (;;) {
      const [all, found] = pattern.exec(output) ?? [];
      if (all !== undefined) return found ?? all;
      const isOver = await Promise.race([once(child, "output").then(() => false), closed.then(() => true)]);
      if (isOver && !pattern.test(output)) throw new Error(`It ended before it wrote ${pattern}:\n${output}`);
    }
  };
  return { child, shown, output: () => output, exited };
}

/** The processes and all of their descendants, including PostgreSQL's. */
function familyOf(pids: readonly (number | undefined)[]): number[] {
  const family = new Set(pids);
  const rows = listProcesses();
  for (let size = 0; size < family.size; ) {
    size = family.size;
    for (const row of rows) if (family.has(row.parent)) family.add(row.pid);
  }
  return [...family].filter((pid) => pid !== undefined);
}

function listProcesses() {
  const listing = execFileSync("ps", ["-A", "-o", "pid=,ppid=,stat="], { encoding: "utf8" });
  return listing.split("\n").flatMap((line) => {
    const [pid, parent, state = ""] = line.trim().split(/\s+/);
    // A zombie counts as gone.
    return state === "" || state.startsWith("Z") ? [] : [{ pid: Number(pid), parent: Number(parent) }];
  });
}

/** Waits until all of them have ended, then kills any that are left and their descendants. */
async function allGone(pids: readonly number[]): Promise<void> {
  const left = () => listProcesses().filter(({ pid }) => pids.includes(pid));
  try {
    await vi.waitFor(() => expect(left()).toEqual([]), { timeout: STOP_MS, interval: 100 });
  } catch (error) {
    killAll(familyOf(left().map(({ pid }) => pid)));
    throw error;
  }
}

function killAll(pids: readonly number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It has ended in the meantime.
    }
  }
}

describe.runIf(process.platform !== "win32")("dev", { timeout: 120_000 }, () => {
  test("ends with all of its child processes when npx is stopped during the build", async () => {
    const dev = startDev([...packageManager, "dev"]);
    await dev.shown(/Building …/);
    const family = familyOf([dev.child.pid]);
    expect(family.length).toBeGreaterThan(2);
    dev.child.kill("SIGTERM");
    await dev.exited;
    await allGone(family);
    expect(dev.output()).not.toContain("Starting PostgreSQL");
    expect(existsSync(join(copy, ".data"))).toBe(false);
  });

  test("ends without an error of pnpm at a Ctrl-C, which reaches all processes of the terminal", async () => {
    const dev = startDev([...packageManager, "dev"]);
    await dev.shown(/Building …/);
    const family = familyOf([dev.child.pid]);
    process.kill(-(dev.child.pid ?? 0), "SIGINT");
    await dev.exited;
    await allGone(family);
    expect(dev.output()).toContain("Stopping …");
    expect(dev.output()).not.toContain("ELIFECYCLE");
  });

  test("ends cleanly when it is stopped during the build", async () => {
    const dev = startDev(NODE);
    await dev.shown(/Building …/);
    const family = familyOf([dev.child.pid]);
    dev.child.kill("SIGINT");
    expect(await dev.exited).toBe(0);
    await allGone(family);
    expect(existsSync(join(copy, ".data"))).toBe(false);
  });

  test("serves from a clean checkout through npx, and leaves no process behind when npx is stopped", async () => {
    const dev = startDev([...packageManager, "dev"]);
    const url = await dev.shown(/REST API +(http:\S+)\/api\/v1/);
    const key = await dev.shown(/Key +(\S+)/);
    await dev.shown(/Stop +Ctrl-C/);
    const health = await fetch(`${url}/health`);
    expect(health.status).toBe(200);
    expect((await fetch(`${url}/docs`)).status).toBe(200);
    const users = await fetch(`${url}/api/v1/users/`, { headers: { "X-Flux-Service-Key": key } });
    expect(users.status).toBe(200);
    expect(Object(await users.json()).total).toBe(20);
    expect((await fetch(`${url}/api/v1/users/`)).status).toBe(403);

    const [command, ...prefix] = packageManager;
    const env = { ...process.env, FLUX_DAO_URL: url, FLUX_DAO_KEY: key };
    const examples = await promisify(execFile)(command, [...prefix, "all:http"], { cwd: join(copy, "examples"), env });
    expect(examples.stdout.split(`Over HTTP: ${url}`)).toHaveLength(4);

    const family = familyOf([dev.child.pid]);
    dev.child.kill("SIGTERM");
    await dev.exited;
    await allGone(family);
    expect(dev.output()).toContain("Stopping …");
  });

  test("serves changed sources, and its database to others", async () => {
    const dev = startDev([...NODE, "--no-seed"]);
    const databaseUrl = await dev.shown(/^ +(postgres:\S+)$/m);
    await dev.shown(/Stop +Ctrl-C/);
    const sql = postgres(databaseUrl, { max: 1 });
    expect(await sql`select count(*)::int as count from users`).toHaveLength(1);
    await sql.end();
    const page = join(copy, "packages/dao-http/src/openapi/start-page.ts");
    await writeFile(page, (await readFile(page, "utf8")).replace("<h1>Flux", "<h1>Changed Flux"));
    const url = await dev.shown(/Restarted at (\S+)/);
    const start = await fetch(url, { headers: { Accept: "text/html" } });
    expect(await start.text()).toContain("<h1>Changed Flux");
    const family = familyOf([dev.child.pid]);
    dev.child.kill("SIGINT");
    expect(await dev.exited).toBe(0);
    await allGone(family);
  });

  test("says what to do if the database's port is taken", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    cleanups.push(() => server.close());
    const { port } = Object(server.address());
    const dev = startDev(NODE, { DEV_DATABASE_PORT: String(port) });
    expect(await dev.exited).toBe(1);
    expect(dev.output()).toMatch(new RegExp(`Port ${port} of the database is in use .* set DEV_DATABASE_PORT`));
  });

  test("fails with a message when its PostgreSQL dies", async () => {
    const dev = startDev(NODE);
    const data = await dev.shown(/its data in (.+), schema version/);
    await dev.shown(/Stop +Ctrl-C/);
    const family = familyOf([dev.child.pid]);
    const [postmaster] = (await readFile(join(data, "postmaster.pid"), "utf8")).split("\n");
    process.kill(Number(postmaster), "SIGKILL");
    expect(await dev.exited).toBe(1);
    expect(await dev.shown(/PostgreSQL ended by itself \(SIGKILL\)/)).not.toBe("");
    await allGone(family);
  });
});

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { openDatabase, UnavailableError } from "@flux/dao-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { amount, slice } from "../../../test/depth.ts";
import { compilePrograms, type Programs } from "../../../test/programs.ts";
import { takeFolder } from "../src/drivers/pglite/pglite-folder.ts";
import type { FolderOrder, FolderReport } from "./folder-process.ts";

let programs: Programs<"folder">;
/** A folder with a migrated database. */
let migrated: string;
let base: string;
let folder: string;
/** Child processes, each with its reports once it has ended. */
const children = new Map<ChildProcess, Promise<FolderReport>>();

beforeAll(async () => {
  programs = await compilePrograms({ folder: "packages/dao-core/test/folder-process.ts" });
  const modules = fileURLToPath(new URL("../node_modules", import.meta.url));
  await symlink(modules, join(dirname(programs.file("folder")), "node_modules"));
  migrated = join(dirname(programs.file("folder")), "migrated");
  await using database = await openDatabase(migrated);
  await database.migrate();
});
afterAll(() => programs[Symbol.asyncDispose]());

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), "flux-folder-"));
  folder = join(base, "data");
});
afterEach(async () => {
  for (const child of children.keys()) await killed(child);
  children.clear();
  await rm(base, { recursive: true });
});

function start(where = folder): ChildProcess {
  const child = fork(programs.file("folder"), [where], { execArgv: [] });
  children.set(
    child,
    once(child, "exit").then(() => ({ error: "The process has ended." })),
  );
  return child;
}

async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGKILL");
  await once(child, "exit");
}

async function told(child: ChildProcess, order: FolderOrder): Promise<FolderReport> {
  const reported = once(child, "message").then(([report]): FolderReport => report);
  child.send(order);
  return Promise.race([reported, children.get(child) ?? reported]);
}

const locksIn = async (where: string) => (await readdir(where)).filter((name) => name.startsWith("flux-dao-"));
/** What `child`, or a process like it, would write into a lock file. */
const recordOf = async (where: string): Promise<object> => {
  const name = (await locksIn(where)).find((file) => file.endsWith(".lock")) ?? "";
  return JSON.parse(await readFile(join(where, name), "utf8"));
};
/** A lock file that a process has left behind. */
async function leaveLock(record: object | string): Promise<string> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, "flux-dao-00000001-00000000000000aa.lock");
  await writeFile(path, typeof record === "string" ? record : JSON.stringify(record));
  return path;
}
/** What this process would write. */
async function ownRecord(): Promise<object> {
  const { release } = await takeFolder(folder);
  const record = await recordOf(folder);
  await release();
  return record;
}

async function expectFree(where = folder): Promise<void> {
  const { release } = await takeFolder(where);
  await release();
  expect(await locksIn(where)).toEqual([]);
}

describe("an embedded database can be opened only once", () => {
  test("in this process, however its path is written", async () => {
    await mkdir(folder);
    const link = join(base, "link");
    await symlink(folder, link);
    const { release } = await takeFolder(folder);
    for (const spelling of [folder, `${folder}/`, link, `${base}/./link/../data`, `./${relative(".", folder)}`]) {
      const opening = openDatabase(spelling);
      await expect(opening).rejects.toThrow(UnavailableError);
      await expect(opening).rejects.toThrow(`is open in this process (${process.pid}) already`);
    }
    await release();
    await expectFree();
  });

  test("by two concurrent calls", async () => {
    const outcomes = await Promise.allSettled([1, 2, 3].map(() => takeFolder(folder)));
    const taken = outcomes.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value] : []));
    expect(taken).toHaveLength(1);
    await taken[0]?.release();
    await expectFree();
  });

  test("in another process, whose pid the error names, and which is not killed", async () => {
    await cp(migrated, folder, { recursive: true });
    const child = start();
    expect(await told(child, "open")).toEqual({ done: "open" });
    await expect(openDatabase(folder)).rejects.toThrow(`is in use by process ${child.pid} on ${hostname()}`);
    expect(await told(child, "write")).toEqual({ done: "write" });
    expect(await told(child, "release")).toEqual({ done: "release" });
    await using database = await openDatabase(folder);
    expect((await database.users.list()).total).toBe(1);
  });

  test("in another thread", async () => {
    const { release } = await takeFolder(folder);
    const worker = new Worker(programs.file("folder"), { argv: [folder], execArgv: [] });
    worker.postMessage("take" satisfies FolderOrder);
    const [report] = await once(worker, "message");
    expect(report).toEqual({ error: expect.stringContaining(`is open in this process (${process.pid}) already`) });
    await worker.terminate();
    await release();
  });

  test("if its path is too long for a socket", async () => {
    folder = join(base, "d".repeat(120));
    const child = start();
    expect(await told(child, "take")).toEqual({ done: "take" });
    expect(await recordOf(folder)).toMatchObject({ listens: false });
    await expect(takeFolder(folder)).rejects.toThrow(`is in use by process ${child.pid}`);
    await killed(child);
    const own = await ownRecord();
    await expectFree();
    // A process with a shorter path to the folder, as in a container, may listen.
    const path = await leaveLock({ ...own, listens: true });
    await expect(takeFolder(folder)).rejects.toThrow(/cannot be asked/);
    await rm(path);
  });

  test("also while that process is suspended", async () => {
    const child = start();
    expect(await told(child, "take")).toEqual({ done: "take" });
    child.kill("SIGSTOP");
    await expect(takeFolder(folder)).rejects.toThrow(`is in use by process ${child.pid}`);
    child.kill("SIGCONT");
  });
});

describe("a stale lock is taken over by the next process", () => {
  test("with every acknowledged row, where its process was killed", async () => {
    await cp(migrated, folder, { recursive: true });
    const child = start();
    expect(await told(child, "open")).toEqual({ done: "open" });
    for (let n = 0; n < 20; n++) expect(await told(child, "write")).toEqual({ done: "write" });
    await killed(child);
    expect(await locksIn(folder)).toHaveLength(2);
    await using database = await openDatabase(folder);
    expect((await database.users.list()).total).toBe(20);
    expect((await database.diagnose()).filter(({ ok }) => !ok)).toEqual([]);
  });

  test("if its process exited without closing", async () => {
    const child = start();
    await told(child, "take");
    child.send("exit" satisfies FolderOrder);
    await once(child, "exit");
    await expectFree();
  });

  test.each<[string, (own: object) => object | string]>([
    ["whose pid now belongs to another process", (own) => own],
    [
      "whose pid now belongs to another process, without a socket",
      (own) => ({ ...own, listens: false, startTime: "1" }),
    ],
    ["whose machine was restarted", (own) => ({ ...own, kernel: "another" })],
    ["that is empty", () => ""],
    ["that is truncated", () => '{"pid": 1, "ho'],
    ["that holds no object", () => "null"],
  ])("%s", async (_, change) => {
    const path = await leaveLock(change(await ownRecord()));
    await expectFree();
    await expect(stat(path)).rejects.toThrow("ENOENT");
  });

  test("but not one of another machine or container, which cannot be checked", async () => {
    const own = await ownRecord();
    for (const record of [
      { ...own, pid: 1, host: "elsewhere", kernel: "another" },
      { ...own, pid: 1, host: "elsewhere", listens: false, pidNamespace: "pid:[1]" },
    ]) {
      const path = await leaveLock(record);
      await expect(takeFolder(folder)).rejects.toThrow(/process 1 on elsewhere, which cannot be asked/);
      await expect(takeFolder(folder)).rejects.toThrow(path);
      await rm(path);
      await expectFree();
    }
  });

  test("by only one of many concurrent processes", async () => {
    const own = await ownRecord();
    const rivals = Array.from({ length: amount(3, 5) }, () => start());
    for (let round = 0; round < amount(2, 10); round++) {
      // Every other time they find a stale lock.
      if (round % 2 === 0) await leaveLock(own);
      const reports = await Promise.all(rivals.map((rival) => told(rival, "take")));
      const winners = rivals.filter((_, index) => "done" in (reports[index] ?? {}));
      expect(winners, JSON.stringify(reports)).toHaveLength(1);
      for (const winner of winners) await told(winner, "release");
      expect(await locksIn(folder)).toEqual([]);
    }
  });
});

describe("a folder is released", () => {
  test("when a second close resolves", async () => {
    await cp(migrated, folder, { recursive: true });
    const database = await openDatabase(folder);
    const closing = database.close();
    await database.close();
    expect(await locksIn(folder)).toEqual([]);
    await closing;
  });

  test("by a close while statements run", async () => {
    await cp(migrated, folder, { recursive: true });
    const database = await openDatabase(folder);
    const calls = Array.from({ length: 50 }, (_, n) =>
      database.users.create({ name: "Ada", email: `a${n}@example.com` }),
    );
    const [outcomes] = await Promise.all([Promise.allSettled(calls), database.close()]);
    await using again = await openDatabase(folder);
    const done = outcomes.filter(({ status }) => status === "fulfilled").length;
    expect((await again.users.list()).total).toBe(done);
  });

  test("if the database in it cannot be opened", async () => {
    await mkdir(folder, { mode: 0o700 });
    await writeFile(join(folder, "PG_VERSION"), "9\n");
    await expect(openDatabase(folder)).rejects.toThrow(UnavailableError);
    await expectFree();
  });

  test("if it is not a database", async () => {
    await writeFile(folder, "");
    await expect(openDatabase(folder)).rejects.toThrow(/must be a folder that this user owns/);
    await expect(openDatabase(join(folder, "data"))).rejects.toThrow(UnavailableError);
  });
});

test.runIf(process.platform === "linux")(
  "a folder that cannot be created is refused, also where mkdir hangs",
  async () => {
    await expect(openDatabase("/proc/data/base")).rejects.toThrow(/must be a folder that this user owns/);
  },
);

test("a folder that is deleted while it is open makes the database unavailable, also for checkReady", async () => {
  await cp(migrated, folder, { recursive: true });
  await using database = await openDatabase(folder);
  await rm(folder, { recursive: true });
  const goal = { userId: "00000000-0000-4000-8000-000000000000", title: "Run" };
  await expect(database.goals.create(goal)).rejects.toBeInstanceOf(UnavailableError);
  await expect(database.checkReady()).rejects.toBeInstanceOf(UnavailableError);
});

describe("a first start that was killed", { timeout: 120_000 }, () => {
  test.each(slice(["PG_VERSION", "base"], 0))(
    "with %s there by then, leaves a folder that the next one can use",
    async (sign) => {
      const child = start();
      const opening = told(child, "open");
      while (!(await readdir(folder).catch((): string[] => [])).includes(sign)) await delay(1);
      await killed(child);
      await opening;
      await using database = await openDatabase(folder).catch(async (error: unknown) => {
        expect(error).toMatchObject({ message: expect.stringContaining("delete it if it never had data") });
        await rm(folder, { recursive: true });
        return openDatabase(folder);
      });
      await database.migrate();
      await database.users.create({ name: "Ada", email: "ada@example.com" });
      expect((await database.diagnose()).filter(({ ok }) => !ok)).toEqual([]);
    },
  );

  test.each(["postgresql.conf", "global/pg_control"])("or is rejected with advice: without %s", async (name) => {
    await cp(migrated, folder, { recursive: true });
    await rm(join(folder, name));
    await expect(openDatabase(folder)).rejects.toThrow(/Restore it from a copy, or delete it if it never had data/);
    await expectFree();
  });
});

describe("the folder is accessible to its owner only", () => {
  const modeOf = async (path: string) => ((await stat(path)).mode & 0o777).toString(8);

  test.each(["000", "022", "277"])("whatever the umask: %s", async (umask) => {
    const inherited = process.umask(Number.parseInt(umask, 8));
    const child = start();
    process.umask(inherited);
    expect(await told(child, "take")).toEqual({ done: "take" });
    expect(await modeOf(folder)).toBe("700");
    for (const name of (await locksIn(folder)).filter((file) => file.endsWith(".lock"))) {
      expect(Number.parseInt(await modeOf(join(folder, name)), 8) & 0o077).toBe(0);
    }
  });

  test("also if it was created with wider permissions", async () => {
    await cp(migrated, folder, { recursive: true });
    await chmod(folder, 0o755);
    await expectFree();
    expect(await modeOf(folder)).toBe("700");
  });

  test("in an empty folder too, such as a mounted volume, but never in one with other contents", async () => {
    await mkdir(join(folder, "lost+found"), { recursive: true });
    await chmod(folder, 0o777);
    await expectFree();
    expect(await modeOf(folder)).toBe("700");
    await chmod(folder, 0o755);
    await writeFile(join(folder, "letter.txt"), "Dear Ada");
    await expect(openDatabase(folder)).rejects.toThrow(/holds other files/);
    expect(await modeOf(folder)).toBe("755");
  });
});

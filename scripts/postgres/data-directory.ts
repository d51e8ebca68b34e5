import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { errorCode } from "./error-code.ts";
import { handOver, type ServerAccount, sharedFolder } from "./server-account.ts";

/** Where a server keeps its data, and under which account it has to run there. */
export interface DataDirectory {
  readonly path: string;
  readonly account: ServerAccount | undefined;
  /** The folder to remove when the server has stopped; `undefined` for a directory that is kept. */
  readonly temporaryRoot?: string;
  /** Says where the data is, if not where it was wanted. */
  readonly note?: string;
}

async function makeTemporaryDirectory(account: ServerAccount | undefined): Promise<DataDirectory> {
  // The first may be private to the caller.
  const folders = process.platform === "win32" ? [tmpdir()] : [tmpdir(), "/tmp", "/var/tmp"];
  for (const folder of folders) {
    const root = await mkdtemp(join(folder, "flux-postgres-")).catch(() => undefined);
    if (root === undefined) continue;
    if (await handOver(root, account)) return { path: join(root, "data"), account, temporaryRoot: root };
    await rm(root, { recursive: true });
  }
  throw new Error(`No temporary folder (${folders.join(", ")}) can hold the data of a PostgreSQL server.`);
}

/**
 * Settles where the data wanted at `wanted` is kept: in a temporary folder where none is wanted. As root, that is another folder
 * (the same one at each call) where `account` cannot reach the wanted one; and a cluster that belongs to an unprivileged account
 * is run under that account.
 *
 * @throws Error when `wanted` holds something else than a database cluster, or cannot be read or made
 */
export async function prepareDataDirectory(
  wanted: string | undefined,
  account: ServerAccount | undefined,
): Promise<DataDirectory> {
  if (wanted === undefined) return makeTemporaryDirectory(account);
  const path = resolve(wanted);
  const isCluster = await holdsCluster(path);
  if (account === undefined) {
    await mkdir(dirname(path), { recursive: true });
    return { path, account };
  }
  if (isCluster) {
    const { uid, gid } = await stat(path);
    if (uid !== 0 && uid !== account.uid) return { path, account: { name: `with uid ${uid}`, uid, gid } };
  }
  const firstMade = await mkdir(path, { recursive: true });
  if (await handOver(path, account)) return { path, account };
  if (isCluster) {
    throw new Error(`The data directory ${path} cannot be reached by the account ${account.name} that has to run it.`);
  }
  // Only what was made here, and is empty.
  if (firstMade !== undefined) await rm(firstMade, { recursive: true });
  return relocate(path, account);
}

/** Keeps the data where `account` can reach it, under a name that depends on the wanted path alone. */
async function relocate(wanted: string, account: ServerAccount): Promise<DataDirectory> {
  const name = createHash("sha256").update(wanted).digest("hex").slice(0, 16);
  const path = join(await sharedFolder(), `data-${name}`);
  await mkdir(path, { recursive: true });
  if (!(await handOver(path, account))) {
    throw new Error(`The account ${account.name} of the server can use neither ${wanted} nor ${path}.`);
  }
  const note = `The data is in ${path}: the account ${account.name} of the server cannot use ${wanted}.`;
  return { path, account, note };
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

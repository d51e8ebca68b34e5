import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { errorCode } from "./error-code.ts";
import { handOver, type ServerAccount, sharedFolder } from "./server-account.ts";

/** A server's data directory, and the account that must run it. */
export interface DataDirectory {
  readonly path: string;
  readonly account: ServerAccount | undefined;
  /** A folder to remove once the server has stopped; `undefined` if the data is kept. */
  readonly temporaryRoot?: string;
  /** States where the data is, if not in the requested folder. */
  readonly note?: string;
}

async function makeTemporaryDirectory(account: ServerAccount | undefined): Promise<DataDirectory> {
  // The first one may be private to the caller.
  const folders = process.platform === "win32" ? [tmpdir()] : [tmpdir(), "/tmp", "/var/tmp"];
  for (const folder of folders) {
    const root = await mkdtemp(join(folder, "flux-postgres-")).catch(() => undefined);
    if (root === undefined) continue;
    if (await handOver(root, account)) return { path: join(root, "data"), account, temporaryRoot: root };
    await rm(root, { recursive: true });
  }
  throw new Error(`No temporary folder (${folders.join(", ")}) is usable for PostgreSQL's data.`);
}

/**
 * Determines the data directory: `wanted`, or a temporary folder. As root, data in a folder that `account` cannot access is
 * relocated (to the same place at each call), and an existing cluster that belongs to an unprivileged account is run under
 * that account.
 *
 * @throws Error if `wanted` contains something else than a database cluster, or cannot be read or created
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
    throw new Error(`The data directory ${path} is not accessible to the account ${account.name}, which must run it.`);
  }
  // Only a folder that was created here, and is empty, changes its owner.
  if (firstMade !== undefined) await rm(firstMade, { recursive: true });
  return relocate(path, account);
}

/** Moves the data to where `account` has access, under a name derived from the requested path alone. */
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

/** The major version of a data directory's cluster, or `undefined` if there is no cluster. */
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
  // The owner is about to change, and initdb's own error would say less.
  if (entries.length > 0)
    throw new Error(`${path} is not empty and contains no PostgreSQL data: use another directory.`);
  return false;
}

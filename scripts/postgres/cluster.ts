import { chown, mkdir, mkdtemp, readFile, rename, rm, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { clusterVersion, type DataDirectory } from "./data-directory.ts";
import { errorCode } from "./error-code.ts";
import { startSupervised } from "./supervised-process.ts";

const PASSWORD_FILE = "flux-superuser-password";

/** How to make a database cluster. */
export interface ClusterOptions {
  readonly initdb: string;
  readonly password: string;
  readonly log: ((line: string) => void) | undefined;
}

/**
 * Makes a database cluster: UTF-8, locale C, superuser `postgres` with a scram-sha-256 password.
 *
 * It is made next to its place and renamed, so that a killed run leaves no half of a cluster which a later run would
 * take for a whole one.
 *
 * @throws Error with the output of initdb when that fails.
 */
export async function createCluster(directory: DataDirectory, options: ClusterOptions): Promise<void> {
  const { path, account, temporaryRoot } = directory;
  const draft = await mkdtemp(`${path}.init-`);
  try {
    const data = join(draft, "data");
    const passwordFile = join(draft, PASSWORD_FILE);
    await mkdir(data, { mode: 0o700 });
    await writeFile(passwordFile, options.password, { mode: 0o600 });
    if (account !== undefined) {
      for (const file of [draft, data, passwordFile]) await chown(file, account.uid, account.gid);
    }
    const args = ["-D", data, "-U", "postgres", "--encoding=UTF8", "--locale=C", "--auth=scram-sha-256"];
    args.push(`--pwfile=${passwordFile}`, "--no-instructions");
    // Nobody needs the data of a throwaway server after a power cut.
    if (temporaryRoot !== undefined) args.push("--no-sync");
    const initdb = await startSupervised({
      command: options.initdb,
      args,
      account,
      removeIfAbandoned: temporaryRoot ?? draft,
      log: options.log,
    });
    const exit = await initdb.exited;
    await initdb.end();
    if (exit !== "0") throw new Error(`initdb failed (${exit}) in ${path}:\n${initdb.logTail()}`);
    await rename(passwordFile, join(data, PASSWORD_FILE));
    await moveIntoPlace(data, path);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

/** The password that `createCluster` set, or `undefined` for a cluster that was made in another way. */
export async function readClusterPassword(path: string): Promise<string | undefined> {
  try {
    return await readFile(join(path, PASSWORD_FILE), "utf8");
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

async function moveIntoPlace(data: string, path: string): Promise<void> {
  try {
    // Not every system lets a rename replace an empty directory.
    await rmdir(path).catch(() => {});
    await rename(data, path);
  } catch (error) {
    // Another process made the cluster in the meantime; that one counts.
    if ((await clusterVersion(path)) === undefined) throw error;
  }
}

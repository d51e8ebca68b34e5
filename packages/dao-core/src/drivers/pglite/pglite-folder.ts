import { chmod, mkdir, readdir, realpath, stat } from "node:fs/promises";
import { isDaoError, UnavailableError } from "../../contract/errors.ts";
import { isError } from "../../contract/fields/realms.ts";
import { type FolderUse, isThisProcess, lockFolder } from "./folder-lock.ts";

/** A folder that only this process uses, and only its user can read. */
export interface EmbeddedFolder {
  /** Absolute and without links, so that the working directory may change. */
  readonly path: string;
  /** Releases it. */
  readonly release: () => Promise<void>;
}

/**
 * Creates the folder if it is missing, denies other users access, and locks it for this process.
 * @throws UnavailableError that names its holder, or the reason why it cannot be used
 */
export async function takeFolder(folder: string): Promise<EmbeddedFolder> {
  try {
    await mkdir(folder, { recursive: true, mode: OWN });
    const path = await realpath(folder);
    await keepOthersOut(path);
    const release = await lockFolder(path);
    if (typeof release === "function") return { path, release };
    throw new UnavailableError(`The embedded database in ${folder} ${inUse(release)}`);
  } catch (error) {
    if (isDaoError(error)) throw error;
    throw new UnavailableError(`The embedded database in ${folder} ${unusable(error)}`, { cause: error });
  }
}

const OWN = 0o700;

/** What an effectively empty folder may contain, such as the root of a volume. */
const isNothing = (name: string) => name.startsWith(".") || name === "lost+found";

/**
 * Narrows wide permissions instead of refusing them as PostgreSQL does: folders of earlier versions have them. Not if the folder
 * contains other files, which other users may need.
 */
async function keepOthersOut(path: string): Promise<void> {
  if (((await stat(path)).mode & 0o777) === OWN) return;
  const names = await readdir(path);
  if (!names.includes("PG_VERSION") && !names.every(isNothing)) {
    const advice = "Name a new or an empty one for the embedded database.";
    throw new UnavailableError(`The folder ${path} holds other files. ${advice}`);
  }
  await chmod(path, OWN);
}

function inUse({ holder, lockFile, isCertain }: FolderUse): string {
  const process = `process ${holder.pid} on ${holder.host}`;
  if (!isCertain) {
    return (
      `was opened by ${process}, which cannot be asked from here. Only if that process has ended, delete ${lockFile}, ` +
      "and open the database again."
    );
  }
  if (isThisProcess(holder)) {
    return `is open in this process (${holder.pid}) already. Share the one that is open, or close it first.`;
  }
  return (
    `is in use by ${process}, and one process at a time can have it. End that process first; or, for several at a time, ` +
    "use its REST API (flux-dao serve), or a PostgreSQL server."
  );
}

function unusable(error: unknown): string {
  const code = isError(error) && "code" in error ? ` (${String(error.code)})` : "";
  return `cannot be opened${code}. It must be a folder that this user owns and can write to.`;
}

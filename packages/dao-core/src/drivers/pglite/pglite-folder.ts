import { chmod, mkdir, readdir, realpath, stat } from "node:fs/promises";
import { isDaoError, UnavailableError } from "../../contract/errors.ts";
import { FolderInUseError, isThisProcess, lockFolder } from "./folder-lock.ts";

/** A folder that this process alone has, and whose rows only its user can read. */
export interface EmbeddedFolder {
  /** Without links, so that the working directory may change. */
  readonly path: string;
  /** Lets others have it. */
  readonly release: () => Promise<void>;
}

/**
 * Makes the folder where there is none, keeps other users out of it, and takes it for this process.
 * @throws UnavailableError, saying who has it, or why it cannot be used
 */
export async function takeFolder(folder: string): Promise<EmbeddedFolder> {
  try {
    await mkdir(folder, { recursive: true, mode: OWN });
    const path = await realpath(folder);
    await keepOthersOut(path);
    return { path, release: await lockFolder(path) };
  } catch (error) {
    if (isDaoError(error)) throw error;
    const reason = error instanceof FolderInUseError ? inUse(error) : unusable(error);
    throw new UnavailableError(`The embedded database in ${folder} ${reason}`, { cause: error });
  }
}

const OWN = 0o700;

/** What may lie in a folder that is as good as empty, such as where a volume is mounted. */
const isNothing = (name: string) => name.startsWith(".") || name === "lost+found";

/**
 * Narrows the rights, over refusing wide ones as PostgreSQL does: folders of earlier versions have them, and it is what their
 * owner would be told to do. Not of a folder that holds something else, which others may need.
 */
async function keepOthersOut(path: string): Promise<void> {
  if (((await stat(path)).mode & 0o777) === OWN) return;
  const names = await readdir(path);
  if (!names.includes("PG_VERSION") && !names.every(isNothing)) {
    throw new UnavailableError(
      `The folder ${path} holds other files. Name a new or an empty one for the embedded database.`,
    );
  }
  await chmod(path, OWN);
}

function inUse({ holder, lockFile, isCertain }: FolderInUseError): string {
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
  const code = error instanceof Error && "code" in error ? ` (${String(error.code)})` : "";
  return `cannot be opened${code}. It must be a folder that this user owns and can write to.`;
}

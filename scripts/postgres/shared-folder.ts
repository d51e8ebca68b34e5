import { chmod, lstat, mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { errorCode } from "./error-code.ts";

/**
 * Folders that every account can usually enter, best first. `os.tmpdir()` may be private to the caller (pam_tmpdir makes
 * it so), hence the standard ones behind it.
 */
export function sharedRoots(): string[] {
  return process.platform === "win32" ? [tmpdir()] : [...new Set([tmpdir(), "/tmp", "/var/tmp"])];
}

/**
 * Makes `folder`, which others may enter but only the caller may write to.
 *
 * @returns false when it cannot be made, or when somebody else made it first: in a world-writable parent the name could
 * have been taken to slip in files of theirs.
 */
export async function makeSharedFolder(folder: string): Promise<boolean> {
  try {
    await mkdir(folder, { mode: 0o755 }).catch((error: unknown) => {
      if (errorCode(error) !== "EEXIST") throw error;
    });
    const stats = await lstat(folder);
    const uid = process.geteuid?.();
    if (!stats.isDirectory() || (uid !== undefined && stats.uid !== uid)) return false;
    // mkdir's mode is cut by the umask.
    await chmod(folder, 0o755);
    return true;
  } catch {
    return false;
  }
}

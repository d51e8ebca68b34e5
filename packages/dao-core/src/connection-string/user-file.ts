import { homedir } from "node:os";
import { join } from "node:path";
import type { Environment } from "./parameters.ts";

/** Where libpq has a user's files: `~/.postgresql/root.crt`, and so on; `~/.pgpass` lies beside that folder. */
export function userFile(name: string, { APPDATA, HOME }: Environment): string {
  if (process.platform === "win32") return join(APPDATA ?? homedir(), "postgresql", name);
  return join(HOME || homedir(), ".postgresql", name);
}

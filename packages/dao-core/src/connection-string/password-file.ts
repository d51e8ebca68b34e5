import { readFileSync, type Stats, statSync } from "node:fs";
import { invalid } from "../contract/fields/validation.ts";
import { type Parameters, userFile } from "./parameters.ts";
import { isDefaultSocket, type ServerAddress } from "./servers.ts";

interface Login {
  readonly servers: readonly ServerAddress[];
  readonly database: string;
  readonly user: string;
}

/**
 * The password of the first line of the password file that matches: `host:port:database:user:password`, where `*` matches
 * anything and `\` escapes a colon or itself. Source: PostgreSQL manual, 34.16, "The Password File".
 * @throws ValidationError if others can read the file (libpq ignores it then, with a warning), or if it has different passwords
 *   for the servers
 */
export function passwordInFile(parameters: Parameters, { servers, database, user }: Login): string | undefined {
  const given = parameters.take("passfile");
  const isOnWindows = process.platform === "win32";
  const path = given?.text || userFile(isOnWindows ? "pgpass.conf" : "../.pgpass", parameters.environment);
  const setting = given?.setting ?? path;
  const file: Stats | undefined = statSync(path, { throwIfNoEntry: false });
  // Such as /dev/null, by which one asks for none.
  if (!file?.isFile()) return undefined;
  if (!isOnWindows && (file.mode & 0o077) !== 0) {
    throw invalid(setting, "is a password file that others can read: chmod 0600 it");
  }
  const lines = readFileSync(path, "utf8").split(/\r?(?:\n|$)/);
  const entries = lines.filter((line) => !line.startsWith("#")).map((line) => line.match(FIELDS) ?? []);
  const passwords = servers.map(({ host, port }) => {
    const wanted = [isDefaultSocket(host) ? "localhost" : host, String(port), database, user];
    const isMatch = (field = "", index: number) => field === "*" || unescaped(field) === wanted[index];
    const entry = entries.find(
      (fields) => fields.length > wanted.length && wanted.every((_, i) => isMatch(fields[i], i)),
    );
    return entry === undefined ? undefined : unescaped(entry[wanted.length] ?? "");
  });
  const [password, ...others] = new Set(passwords);
  if (others.length === 0) return password;
  throw invalid(setting, "has different passwords for the servers of the database URL: they must share one");
}

/** Up to a colon that is not escaped, or the end. */
const FIELDS = /(?<=^|:)(?:\\.?|[^:\\])*/g;

const unescaped = (field: string): string => field.replace(/\\(.)/gs, "$1");

import { LIMIT_SETTINGS, variableOf } from "./settings.ts";

const WORDS: ReadonlyMap<string, string> = new Map([
  ["migrate()", "flux-dao migrate"],
  ["migrate({ changes: true })", "flux-dao migrate --changes"],
  ["diagnose()", "flux-dao doctor"],
  ["checkReady()", "flux-dao doctor"],
  ["prepare: false", "DB_PREPARE=false"],
  ["online: false", "--skip-online"],
  ["poolSize", "DB_POOL_SIZE"],
  ...Object.keys(LIMIT_SETTINGS).map((option) => [option, variableOf(option)] as const),
]);

const METHOD_OR_OPTION = new RegExp(
  `\\b(${[...WORDS.keys()].map((word) => word.replace(/[()]/g, "\\$&")).join("|")})(?!\\w)( \\([^()]*\\))?`,
  "g",
);

/** The command has no settings for these; DB_LOCK_TIMEOUT_MS and DB_STATEMENT_TIMEOUT_MS do not apply to a migration. */
const OPTION_OF_MIGRATE = /,(?: or)? with a longer \w+Timeout\b[^.]*/;

/** A message of the library with the commands and variables of the service in place of its methods and options. */
export function forOperators(message: string): string {
  return message
    .replace(OPTION_OF_MIGRATE, "")
    .replace(METHOD_OR_OPTION, (match, word: string, aside: string | undefined = "") => {
      const command = WORDS.get(word) ?? match;
      // The library may name the command already, in parentheses.
      return aside.includes(command) ? command : command + aside;
    });
}

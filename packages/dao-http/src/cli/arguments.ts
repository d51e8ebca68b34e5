import { readFileSync } from "node:fs";
import { type ParseArgsConfig, parseArgs, parseEnv } from "node:util";
import { nearest, SettingsError } from "../node/settings-error.ts";
import { isError } from "../wire/realms.ts";

export type CommandFlags = Readonly<Record<string, string | boolean | undefined>>;

/** A wrong call, by what is wrong. */
export class UsageError extends Error {}

/** The options that stand for a variable of the environment. */
const VARIABLES = { "database-url": "DATABASE_URL", schema: "DB_SCHEMA", port: "PORT" } as const;

type SettingOption = keyof typeof VARIABLES;

export interface CommandOptions {
  /** Its own. */
  readonly options: NonNullable<ParseArgsConfig["options"]>;
  /** Those that stand for variables. */
  readonly settings: readonly SettingOption[];
}

/** Which option, if any, was given for a variable. */
export type GivenOptions = ReadonlyMap<string, string>;

/** Reads a command's arguments; sets the variables that options stand for, for the workers of `serve` too. @throws UsageError */
export function readArguments({ options, settings }: CommandOptions, args: readonly string[]) {
  const ofSettings = Object.fromEntries(settings.map((name) => [name, { type: "string" }] as const));
  const flags = parse({ ...options, ...ofSettings }, args);
  const given = new Map<string, string>();
  for (const name of settings) {
    const value = flags[name];
    if (typeof value !== "string") continue;
    if (value.trim() === "") throw new UsageError(`--${name} must not be empty.`);
    process.env[VARIABLES[name]] = value;
    given.set(VARIABLES[name], `--${name}`);
  }
  return { flags, given };
}

function parse(options: NonNullable<ParseArgsConfig["options"]>, args: readonly string[]): CommandFlags {
  const all = { ...options, help: { type: "boolean", short: "h" } } as const;
  try {
    return parseArgs({ args: [...args], options: all }).values as CommandFlags;
  } catch (error) {
    if (!isError(error)) throw error;
    const [, what, name] = /^(Unknown option|Unexpected argument|Option) '(?:-\w, )?([^ ']*)/.exec(error.message) ?? [];
    if (name === undefined) throw error;
    if (what === "Unexpected argument")
      throw new UsageError(`There is no argument ${name}: a value belongs to an option.`);
    if (what === "Option") throw new UsageError(wrongValue(name, error.message));
    const names = Object.keys(all).map((name) => `--${name}`);
    throw new UsageError(`There is no option ${name}.${didYouMean(nearest(name, names))}`);
  }
}

function wrongValue(option: string, message: string): string {
  if (message.includes("does not take")) return `${option} takes no value.`;
  const dash = message.includes("ambiguous") ? ` One that begins with a dash is written ${option}=-…` : "";
  return `${option} needs a value.${dash}`;
}

export const didYouMean = (name: string | undefined) => (name === undefined ? "" : ` Did you mean ${name}?`);

const NOT_UTF8 = "ERR_ENCODING_INVALID_ENCODED_DATA";

/**
 * Sets the variables of the file `.env` in the working directory that are not set, or empty, and returns their names. Node.js's own parser
 * reads it.
 * @throws SettingsError if it is there but cannot be read
 */
export function readEnvFile(): readonly string[] {
  let text: string;
  try {
    // Without a byte order mark.
    text = new TextDecoder("utf-8", { fatal: true }).decode(readFileSync(".env"));
    // As UTF-16 has it, which without a mark decodes as UTF-8.
    if (text.includes("\0")) throw Object.assign(new TypeError(), { code: NOT_UTF8 });
  } catch (error) {
    const code: unknown = Reflect.get(Object(error), "code");
    if (code === "ENOENT" || code === "EISDIR") return [];
    const advice = code === NOT_UTF8 ? "Save it as UTF-8" : "Correct its permissions";
    throw new SettingsError([`The file .env cannot be read (${code}). ${advice}, or remove it.`]);
  }
  const names: string[] = [];
  for (const [name, value] of Object.entries(parseEnv(text))) {
    if (process.env[name]?.trim()) continue;
    process.env[name] = value;
    names.push(name);
  }
  return names.sort();
}

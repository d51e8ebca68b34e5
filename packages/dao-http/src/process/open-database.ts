import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Database, type DatabaseOptions, openDatabase, UnavailableError, ValidationError } from "@flux/dao-core";
import { parseDatabaseUrl } from "@flux/dao-core/database-url";
import { SettingsError } from "../node/settings-error.ts";
import { type DatabaseSettings, urlProblems } from "./settings.ts";

/** Opens the database in the settings. @throws SettingsError for an unusable URL; UnavailableError, which names the server */
export function openConfigured(settings: DatabaseSettings, options: DatabaseOptions = {}): Promise<Database> {
  return open("DATABASE_URL", settings.databaseUrl, settings, options);
}

/** The same, for commands that create no database. @throws UnavailableError also for a folder without one */
export async function openExisting(settings: DatabaseSettings, options: DatabaseOptions = {}): Promise<Database> {
  const location = parseDatabaseUrl(settings.databaseUrl, settings.environment);
  if (location.kind === "folder" && !existsSync(join(location.path, "PG_VERSION"))) {
    const advice = "Correct DATABASE_URL, or create one there by flux-dao migrate.";
    throw new UnavailableError(`There is no database in the folder ${location.path}. ${advice}`);
  }
  return openConfigured(settings, options);
}

/** Opens the standby in the settings; the same errors. */
export async function openStandby(settings: DatabaseSettings, options: DatabaseOptions = {}) {
  if (settings.readUrl === undefined) return undefined;
  return open("DATABASE_READ_URL", settings.readUrl, settings, { ...options, readOnly: true });
}

async function open(
  variable: string,
  url: string,
  { limits, schema, prepare, isDefaultUrl, environment }: DatabaseSettings,
  options: DatabaseOptions,
): Promise<Database> {
  try {
    return await openDatabase(url, { ...limits, schema, prepare, environment, ...options });
  } catch (error) {
    if (error instanceof ValidationError) throw new SettingsError(urlProblems(variable, error));
    if (!(error instanceof UnavailableError)) throw error;
    const location = parseDatabaseUrl(url, environment);
    const isNamed = location.kind !== "postgres" || error.message.includes(location.description);
    const where = isNamed ? "" : `${location.description}: `;
    const advice = isDefaultUrl && variable === "DATABASE_URL" ? ` ${DEFAULT_URL}` : "";
    throw new UnavailableError(`${where}${error.message}${advice}`, { cause: error });
  }
}

const DEFAULT_URL =
  "DATABASE_URL is not set, so that of a local Supabase was tried. Set it to postgres://user:password@host:5432/database, " +
  "or to a folder, such as ./data, for an embedded one.";

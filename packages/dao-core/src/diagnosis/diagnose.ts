import type { CallOptions } from "../contract/call-options.ts";
import { SchemaVersionError } from "../contract/errors.ts";
import { planMigrations } from "../migrations/plan-migrations.ts";
import { findUnvalidatedRules } from "../migrations/rule-violations.ts";
import type { SqlDriver, SqlExecutor } from "../session/driver.ts";
import { toDaoError } from "../session/postgres-errors.ts";
import { type Finding, unwell, well } from "./finding.ts";
import { findIndexDamage, isEmbedded } from "./index-damage.ts";
import { findSchemaDrift, TABLE_NAMES } from "./schema-drift.ts";

/** The oldest PostgreSQL that all of this was tried on. */
const OLDEST_VERSION = 15;

/** Milliseconds that two clocks may differ. */
const CLOCK_TOLERANCE = 2_000;

/** How many of the things that are wrong a sentence names. */
const MAX_NAMED = 5;

/**
 * Looks at a database as whoever runs it would: is the server new enough, the schema ours and whole, may this role do its
 * work, do the clocks agree. Changes nothing.
 * @throws UnavailableError when the database does not answer
 */
export async function diagnose(driver: SqlDriver, options?: CallOptions): Promise<Finding[]> {
  try {
    const findings = [await serverVersion(driver, options), await clock(driver, options)];
    const schema = await schemaVersion(driver, options);
    findings.push(schema);
    // Of a schema of another version there is nothing to compare with.
    if (schema.isWell) findings.push(await drift(driver), await rules(driver), await privileges(driver, options));
    // A server keeps others from its files, and has its own tools for what a disk has lost.
    if (schema.isWell && (await isEmbedded(driver))) findings.push(await indexes(driver));
    return findings;
  } catch (error) {
    throw toDaoError(error);
  }
}

async function serverVersion(executor: SqlExecutor, options?: CallOptions): Promise<Finding> {
  const { rows } = await executor.execute("select current_setting('server_version')", [], options);
  const version = String(rows[0]?.[0]);
  if (Number.parseInt(version, 10) >= OLDEST_VERSION) return well("server", `PostgreSQL ${version}.`);
  return unwell(
    "server",
    `PostgreSQL ${version} is older than ${OLDEST_VERSION}, the oldest that was tried. Upgrade it.`,
  );
}

/** `created_at` is the database's time, and what callers compare it with is their own. */
async function clock(executor: SqlExecutor, options?: CallOptions): Promise<Finding> {
  const before = Date.now();
  const { rows } = await executor.execute("select extract(epoch from clock_timestamp()) * 1000", [], options);
  const difference = Number(rows[0]?.[0]) - (before + Date.now()) / 2;
  const seconds = `${Math.abs(difference / 1_000).toFixed(1)} s`;
  if (Math.abs(difference) <= CLOCK_TOLERANCE)
    return well("clock", "The clocks of the database and of this machine agree.");
  const way = difference > 0 ? "ahead of" : "behind";
  return unwell("clock", `The database's clock is ${seconds} ${way} this machine's. Have both set theirs by NTP.`);
}

async function schemaVersion(driver: SqlDriver, options?: CallOptions): Promise<Finding> {
  try {
    const { from, to, applied } = await planMigrations(driver, options);
    if (applied.length === 0) return well("schema", `The schema is at version ${to}, which this code needs.`);
    return unwell("schema", `The schema is at version ${from}; this code needs version ${to}. Migrate it.`);
  } catch (error) {
    if (error instanceof SchemaVersionError) return unwell("schema", error.message);
    throw error;
  }
}

async function drift(executor: SqlExecutor): Promise<Finding> {
  const found = await findSchemaDrift(executor);
  if (found.length === 0) return well("drift", "Tables, columns, constraints and indexes are those of the migrations.");
  return unwell("drift", `The schema was changed past the migrations: ${listed(found)}. Put it back as it was.`);
}

async function indexes(driver: SqlDriver): Promise<Finding> {
  const found = await findIndexDamage(driver);
  if (found.length === 0) return well("indexes", "Every index has the rows of its table.");
  return unwell(
    "indexes",
    `The embedded database is damaged, as by two processes that had it open at a time: ${listed(found)}. Copy its folder, ` +
      "delete the rows that are there twice, and run REINDEX.",
  );
}

async function rules(executor: SqlExecutor): Promise<Finding> {
  const found = (await findUnvalidatedRules(executor)).map(({ constraint }) => constraint);
  if (found.length === 0) return well("rules", "Every row keeps every rule.");
  const what = `Rows that were taken over may break ${listed(found)}`;
  return unwell(
    "rules",
    `${what}. Migrating again says how many do, and how to find them; then validate the constraint.`,
  );
}

async function privileges(executor: SqlExecutor, options?: CallOptions): Promise<Finding> {
  const { rows } = await executor.execute(
    `select name || ' (' || string_agg(privilege, ', ' order by place) || ')'
     from unnest($1::text[]) as name, unnest('{SELECT,INSERT,UPDATE,DELETE}'::text[]) with ordinality as need (privilege, place)
     where not has_table_privilege('public.' || name, privilege) group by name order by name`,
    [`{${TABLE_NAMES.join()}}`],
    options,
  );
  if (rows.length === 0) return well("privileges", "The role may read and write all tables.");
  const missing = rows.map(([text]) => String(text));
  return unwell("privileges", `The role lacks privileges on ${listed(missing)}. Grant them.`);
}

function listed(all: readonly string[]): string {
  const named = all.slice(0, MAX_NAMED).join(", ");
  return all.length > MAX_NAMED ? `${named} and ${all.length - MAX_NAMED} more` : named;
}

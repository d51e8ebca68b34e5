import type { CallOptions } from "../contract/call-options.ts";
import { SchemaVersionError } from "../contract/errors.ts";
import { embeddedMigrations } from "../migrations/migration-set.ts";
import type { MigrationPlan } from "../migrations/plan.ts";
import { readPlan } from "../migrations/plan-migrations.ts";
import { findUnvalidatedRules } from "../migrations/schema-check/rule-violations.ts";
import { findObstacles } from "../migrations/schema-check/schema-differences.ts";
import { adviceFor, listed as listedDifferences } from "../migrations/schema-check/schema-error.ts";
import { readSchemaFacts } from "../migrations/schema-check/schema-facts.ts";
import type { SqlDriver, SqlExecutor } from "../session/driver.ts";
import { toDaoError } from "../session/postgres-errors.ts";
import { findChangedRules } from "./changed-rules.ts";
import { type Finding, unwell, well } from "./finding.ts";
import { findIndexDamage, isEmbedded } from "./index-damage.ts";

/** The oldest PostgreSQL that all of this was tried on. */
const OLDEST_VERSION = 15;

/** Milliseconds that two clocks may differ. */
const CLOCK_TOLERANCE = 2_000;

/** How many of the things that are wrong a sentence names. */
const MAX_NAMED = 5;

const TABLES = `{${Object.keys(embeddedMigrations.shape.tables).join()}}`;

const TRIGGERS = `select tgrelid as table_id, tgname as name from pg_trigger where not tgisinternal and tgenabled <> 'D'`;
const CONSTRAINTS = `select conrelid as table_id, conname as name from pg_constraint
  where contype in ('c', 'f', 'u', 'x') and conname <> all ($2::text[])
  union select i.indrelid, c.relname from pg_index i join pg_class c on c.oid = i.indexrelid
  where i.indisunique and c.relname <> all ($2::text[])`;
const POLICIES = `select polrelid as table_id, polname as name from pg_policy where row_security_active(polrelid)
  and exists (select from unnest(polroles) role where role = 0 or pg_has_role(role, 'usage'))`;

/** Of what is on our tables: `goals (a, b), tasks (c)`. */
async function namesByTable(
  executor: SqlExecutor,
  source: string,
  parameters: readonly string[],
  options?: CallOptions,
): Promise<string> {
  const { rows } = await executor.execute(
    `select c.relname || ' (' || string_agg(s.name, ', ' order by s.name) || ')'
     from (${source}) s join pg_class c on c.oid = s.table_id
     where c.relnamespace = 'public'::regnamespace and c.relname = any ($1::text[]) group by c.relname order by c.relname`,
    parameters,
    options,
  );
  return listed(rows.map(([text]) => String(text)));
}

/**
 * Looks at a database as whoever runs it would: is the server new enough, the schema ours and whole, may this role do its
 * work, do the clocks agree. Changes nothing.
 * @throws UnavailableError when the database does not answer
 */
export async function diagnose(driver: SqlDriver, options?: CallOptions): Promise<Finding[]> {
  try {
    const findings = [await serverVersion(driver, options), await clock(driver, options)];
    const plan = await planOrRefusal(driver, options);
    findings.push(schemaVersion(plan));
    // Of a schema of another version there is nothing to compare with.
    if (plan instanceof SchemaVersionError || plan.applied.length > 0) return findings;
    findings.push(await drift(driver, plan, options), await rules(driver), await privileges(driver, options));
    // A server keeps others from its files, and has its own tools for what a disk has lost.
    if (await isEmbedded(driver)) findings.push(await indexes(driver));
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

/** What `migrate()` would do, or why it would refuse to. */
async function planOrRefusal(driver: SqlDriver, options?: CallOptions): Promise<MigrationPlan | SchemaVersionError> {
  try {
    return await readPlan(driver, options);
  } catch (error) {
    if (error instanceof SchemaVersionError) return error;
    throw error;
  }
}

function schemaVersion(plan: MigrationPlan | SchemaVersionError): Finding {
  if (plan instanceof SchemaVersionError) return unwell("schema", plan.message);
  const { from, to, applied } = plan;
  if (applied.length === 0) return well("schema", `The schema is at version ${to}, which this code needs.`);
  return unwell("schema", `The schema is at version ${from}; this code needs version ${to}. Migrate it.`);
}

async function drift(driver: SqlDriver, plan: MigrationPlan, options?: CallOptions): Promise<Finding> {
  const differences = plan.differences.length > 0 ? plan.differences : await findChangedRules(driver);
  if (differences.length > 0) {
    const what = listedDifferences(differences);
    return unwell("drift", `The schema was changed past the migrations: ${what}. ${adviceFor(differences)}`);
  }
  const own = Object.values(embeddedMigrations.shape.tables).flatMap(({ constraints }) => Object.keys(constraints));
  const ofOthers = [
    ["Triggers that are not ours run with what is written to", await namesByTable(driver, TRIGGERS, [TABLES], options)],
    [
      "Constraints that are not ours refuse rows of",
      await namesByTable(driver, CONSTRAINTS, [TABLES, `{${own.join()}}`], options),
    ],
  ].flatMap(([what, names]) => (names === "" ? [] : ` ${what} ${names}.`));
  return well("drift", `Tables, columns, constraints and indexes are those of the migrations.${ofOthers.join("")}`);
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
  const obstacles = findObstacles(await readSchemaFacts(executor, embeddedMigrations.shape, options));
  if (obstacles.length === 0) {
    const policies = await namesByTable(executor, POLICIES, [TABLES], options);
    const limits = policies === "" ? "" : ` Row-level security decides which rows it reads and writes of ${policies}.`;
    return well("privileges", `The role may read and write all tables, and finds them.${limits}`);
  }
  return unwell("privileges", `This role cannot do its work: ${listedDifferences(obstacles)}. ${adviceFor(obstacles)}`);
}

function listed(all: readonly string[]): string {
  const named = all.slice(0, MAX_NAMED).join(", ");
  return all.length > MAX_NAMED ? `${named} and ${all.length - MAX_NAMED} more` : named;
}

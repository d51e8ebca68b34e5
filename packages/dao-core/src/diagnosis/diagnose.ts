import type { CallOptions } from "../contract/call-options.ts";
import { SchemaVersionError, UnavailableError } from "../contract/errors.ts";
import { FEED } from "../migrations/change-feed-objects.ts";
import { embeddedMigrations, schemaVersion } from "../migrations/migration-set.ts";
import { isLeftOnline } from "../migrations/online-statements.ts";
import { type MigrationPlan, readPlan, readWithSettings } from "../migrations/plan.ts";
import { findUnvalidatedRules } from "../migrations/schema-check/rule-violations.ts";
import {
  adviceFor,
  findObstacles,
  listDifferences,
  type SchemaDifference,
} from "../migrations/schema-check/schema-difference.ts";
import { hasChangeFeed } from "../migrations/schema-check/schema-differences.ts";
import { OLDEST_SERVER, readSchemaFacts, type SchemaFacts } from "../migrations/schema-check/schema-facts.ts";
import type { SchemaName } from "../schema/schema-name.ts";
import type { SqlDriver } from "../session/driver.ts";
import { CLOCK_TOLERANCE } from "../session/limits.ts";
import { toDaoError } from "../session/postgres-errors.ts";
import type { Replication } from "../session/replication.ts";
import { findIndexDamage, isEmbedded } from "./index-damage.ts";

/** What was examined. */
export type FindingName =
  | "server"
  | "replication"
  | "schema"
  | "drift"
  | "rules"
  | "privileges"
  | "clock"
  | "changes"
  | "indexes";

/** The result of one examination of a database. */
export interface Finding {
  readonly name: FindingName;
  /** Whether nothing has to be fixed. */
  readonly ok: boolean;
  /** What was found, or what is wrong and how to fix it: a sentence. */
  readonly message: string;
}

const passed = (name: FindingName, message: string): Finding => ({ name, ok: true, message });
const failed = (name: FindingName, message: string): Finding => ({ name, ok: false, message });

const NEEDED = schemaVersion(embeddedMigrations);

/** Maximum names in a message. */
const MAX_NAMED = 5;

/** A database, as one schema of it was opened. */
interface Examined {
  readonly driver: SqlDriver;
  readonly schema: SchemaName;
  readonly readOnly: boolean;
  readonly replication: Replication;
  readonly options?: CallOptions | undefined;
}

/**
 * Examines a database as the calling role sees it: whether the server is recent enough, the schema complete and unchanged, the
 * role sufficiently privileged, and the clocks synchronized. Changes nothing.
 * @throws UnavailableError if the database does not respond
 */
export async function diagnose(examined: Examined): Promise<Finding[]> {
  const { driver, schema, options } = examined;
  try {
    const findings = [await server(examined), await clock(examined), ...(await replication(examined))];
    // What `migrate()` would do, or why it would refuse.
    const plan = await readPlan(driver, schema, options).catch((error: unknown) => {
      if (error instanceof SchemaVersionError) return error;
      throw error;
    });
    findings.push(versionOf(plan, schema));
    if (plan instanceof SchemaVersionError || plan.applied.length > 0) return findings;
    const facts = await readSchemaFacts(driver, schema, embeddedMigrations.shape, options);
    // There is nothing to compare a schema of another version with.
    if (plan.to === NEEDED) {
      findings.push(await drift(examined, plan, facts), await rules(examined, plan));
    }
    const allowed = await privileges(examined, facts);
    findings.push(allowed, await changes(examined, facts, allowed.ok));
    // A server protects its files, and has its own tools for damage on disk.
    if (await isEmbedded(driver)) findings.push(await indexes(examined));
    return findings;
  } catch (error) {
    throw toDaoError(error);
  }
}

async function server({ driver, readOnly, options }: Examined): Promise<Finding> {
  // Named, since some clients return rows as objects.
  const settings = ["server_version", "server_encoding", "default_transaction_read_only"];
  const text = `select ${settings.map((name) => `current_setting('${name}') as ${name}`).join(", ")}`;
  const [[version = "", encoding, refusesWrites] = []] = (await driver.execute(text, [], options)).rows.map((row) =>
    row.map(String),
  );
  if (Number.parseInt(version, 10) < OLDEST_SERVER) {
    const rule = `is older than ${OLDEST_SERVER}, the oldest that is supported. Upgrade it.`;
    return failed("server", `PostgreSQL ${version} ${rule}`);
  }
  if (encoding !== "UTF8") {
    const message = `The database has the encoding ${encoding}, which cannot hold all text. Restore a dump of it in one with UTF8.`;
    return failed("server", message);
  }
  if (refusesWrites !== "on" || readOnly) return passed("server", `PostgreSQL ${version}.`);
  const advice = "Find out why, since hosts set it when a disk is full; then switch it off.";
  return failed("server", `PostgreSQL ${version} refuses writes: default_transaction_read_only is on. ${advice}`);
}

/** Nothing about a primary that is written to. */
async function replication({ driver, readOnly, replication, options }: Examined): Promise<Finding[]> {
  try {
    const { isStandby, lag } = await replication.checkLag(driver, options);
    if (!isStandby) return readOnly ? [passed("replication", "The server is a primary; it is only read.")] : [];
    if (readOnly) return [passed("replication", `The server is a hot standby that lags ${Math.round(lag)} ms.`)];
  } catch (error) {
    if (!(error instanceof UnavailableError) || error.cause !== undefined) throw error;
    if (readOnly) return [failed("replication", error.message)];
  }
  const advice = "Connect to the primary, or open it for reads (readOnly: true; DATABASE_READ_URL).";
  return [failed("replication", `The server is a hot standby, which accepts no writes. ${advice}`)];
}

/** `created_at` is the database's time, which callers compare with their own. */
async function clock({ driver, options }: Examined): Promise<Finding> {
  const before = Date.now();
  const { rows } = await driver.execute("select extract(epoch from clock_timestamp()) * 1000", [], options);
  const difference = Number(rows[0]?.[0]) - (before + Date.now()) / 2;
  if (Math.abs(difference) <= CLOCK_TOLERANCE) {
    return passed("clock", "The clocks of the database and of this machine agree.");
  }
  const seconds = `${Math.abs(difference / 1_000).toFixed(1)} s`;
  const direction = difference > 0 ? "ahead of" : "behind";
  return failed("clock", `The database's clock is ${seconds} ${direction} this machine's. Synchronize both with NTP.`);
}

function versionOf(plan: MigrationPlan | SchemaVersionError, schema: SchemaName): Finding {
  if (plan instanceof SchemaVersionError) return failed("schema", plan.message);
  const { from, to, applied, steps } = plan;
  const online = steps.flatMap(({ name, isOnline }) => (isOnline ? [name] : []));
  const now = `The schema ${schema.name} is at version ${from}`;
  if (to > NEEDED) return passed("schema", `${now}, newer than version ${NEEDED}, but compatible with this code.`);
  if (applied.length > 0) {
    return failed("schema", `${now}; this code needs version ${to}. Run migrate().`);
  }
  if (online.length === 0) return passed("schema", `${now}, which this code needs.`);
  const left = `but ${list(online)} is not done yet. Run migrate(), unless another process is at it`;
  return failed("schema", `${now}, which this code needs, ${left}.`);
}

async function drift(examined: Examined, plan: MigrationPlan, facts: SchemaFacts): Promise<Finding> {
  const differences = plan.differences.length > 0 ? plan.differences : await findChangedChecks(examined);
  if (differences.length > 0) {
    const what = listDifferences(differences);
    return failed("drift", `The schema was changed outside the migrations: ${what}. ${adviceFor(differences)}`);
  }
  const triggers = await findForeignObjects(examined, "triggers");
  const constraints = await findForeignObjects(examined, "constraints");
  const values = foreignEnumValues(facts);
  return passed(
    "drift",
    "Tables, columns, constraints and indexes match the migrations." +
      (triggers.length === 0 ? "" : ` Other triggers run on writes to ${list(triggers)}.`) +
      (constraints.length === 0 ? "" : ` Other constraints may refuse rows of ${list(constraints)}.`) +
      (values.length === 0
        ? ""
        : ` Types have values unknown to this code, which reads them as they are, but finds and counts no row by them: ${list(values)}.`),
  );
}

/** The enum values that others have added, as `task_state (paused)`. */
function foreignEnumValues(facts: SchemaFacts): string[] {
  return Object.entries(facts.shape.enums).flatMap(([name, known]) => {
    const foreign =
      facts
        .detail("enum", name)
        ?.split(", ")
        .filter((value) => !known.includes(value)) ?? [];
    return foreign.length === 0 ? [] : [`${name} (${foreign.join(", ")})`];
  });
}

async function indexes({ driver, schema }: Examined): Promise<Finding> {
  const damage = await findIndexDamage(driver, schema);
  if (damage.length === 0) return passed("indexes", "Every index matches its table.");
  return failed(
    "indexes",
    `The embedded database is damaged, probably because two processes had it open at once: ${list(damage)}. Copy its ` +
      "folder, delete the duplicate rows, and run REINDEX.",
  );
}

async function rules({ driver, schema }: Examined, { online }: MigrationPlan): Promise<Finding> {
  const all = (await findUnvalidatedRules(driver, schema)).map(({ constraint }) => constraint);
  const unvalidated = all.filter((constraint) => !isLeftOnline(constraint, online));
  if (unvalidated.length === 0) return passed("rules", "Every row satisfies every rule.");
  return failed(
    "rules",
    `Adopted rows may violate ${list(unvalidated)}. Migrate again: the report counts them and has the queries that find ` +
      "them. Fix them, then validate the constraint.",
  );
}

async function privileges(examined: Examined, facts: SchemaFacts): Promise<Finding> {
  const { readOnly } = examined;
  const obstacles = findObstacles(facts, readOnly);
  if (obstacles.length > 0) {
    return failed("privileges", `This role cannot be used: ${listDifferences(obstacles)}. ${adviceFor(obstacles)}`);
  }
  const policies = await findForeignObjects(examined, "policies");
  return passed(
    "privileges",
    `The role may read${readOnly ? "" : " and write"} all tables.` +
      (policies.length === 0 ? "" : ` Row-level security limits which rows it reads and writes of ${list(policies)}.`),
  );
}

/** A transaction that gives positions takes milliseconds. When one of another role has begun, only a few roles can see. */
async function changes(examined: Examined, facts: SchemaFacts, isReadable: boolean): Promise<Finding> {
  const { driver, schema, options } = examined;
  if (!hasChangeFeed(facts)) {
    return passed("changes", "The change feed is not enabled; migrate({ changes: true }) enables it.");
  }
  const holder = `select a.pid::text from ${schema.qualified(FEED)} f join pg_stat_activity a on a.backend_xid = f.xmax
    where coalesce(a.xact_start, '-infinity') < clock_timestamp() - interval '1 s'`;
  const { rows } = isReadable ? await driver.execute(holder, [], options) : { rows: [] };
  if (rows[0] === undefined) return passed("changes", "The change feed is enabled.");
  const message = `The change feed cannot go on: a transaction of the session with the process id ${rows[0][0]} has locked its head.`;
  return failed("changes", `${message} Commit it, or end that session.`);
}

function list(names: readonly string[]): string {
  const named = names.slice(0, MAX_NAMED).join(", ");
  return names.length > MAX_NAMED ? `${named} and ${names.length - MAX_NAMED} more` : named;
}

const tables = `{${Object.keys(embeddedMigrations.shape.tables).join()}}`;
const rulesOfTables = Object.values(embeddedMigrations.shape.tables).flatMap((table) =>
  Object.entries(table.constraints),
);
const constraints = `{${rulesOfTables.map(([name]) => name).join()}}`;
const checks = rulesOfTables.filter(([, definition]) => definition.startsWith("CHECK"));

/** Finds CHECKs whose condition was changed. Readiness checks do not, since the server locks a table to render its CHECKs. */
function findChangedChecks({ driver, schema }: Examined): Promise<SchemaDifference[]> {
  return readWithSettings(driver, schema, async (transaction) => {
    // The rendering of literals depends on these, too.
    await transaction.execute("SET LOCAL timezone TO 'UTC'", []);
    await transaction.execute("SET LOCAL datestyle TO 'ISO'", []);
    const { rows } = await transaction.execute(
      `select conrelid::regclass::text, conname, regexp_replace(pg_get_constraintdef(oid), ' NOT VALID$', '') from pg_constraint
       where connamespace = (select oid from pg_namespace where nspname = $2) and contype = 'c' and conname = any ($1::text[])
         and conrelid = any (array(select oid from pg_class where relnamespace = connamespace and relname = any ($3::text[])))`,
      [`{${checks.map(([name]) => name).join()}}`, schema.name, tables],
    );
    const found = new Map(rows.map(([table, name, text]) => [name, { table: String(table), text: String(text) }]));
    return checks.flatMap(([name, definition]) => {
      const actual = found.get(name);
      if (actual === undefined || normalized(actual.text) === normalized(definition)) return [];
      const advice = `Run: alter table ${schema.readable(actual.table)} drop constraint ${name}; Then run migrate(), which recreates it.`;
      return [{ what: `the constraint ${name} is ${actual.text}, not ${definition}`, advice }];
    });
  });
}

/** Removes what depends on the server's version and settings: casts, brackets, spaces, quotes, case. */
function normalized(check: string): string {
  return check
    .replace(/::(timestamp with time zone|double precision|[a-z]+)(\[\])?/g, "")
    .replace(/[\s()"]/g, "")
    .toLowerCase();
}

const FOREIGN_OBJECTS = {
  triggers:
    "select tgrelid as table_id, tgname as name from pg_trigger where not tgisinternal and tgenabled <> 'D' and not starts_with(tgname::text, 'flux_dao_')",
  constraints: `select conrelid as table_id, conname as name from pg_constraint
    where contype in ('c', 'f', 'u', 'x') and conname <> all ($3::text[])
    union select i.indrelid, c.relname from pg_index i join pg_class c on c.oid = i.indexrelid
    where i.indisunique and c.relname <> all ($3::text[])`,
  policies: `select polrelid as table_id, polname as name from pg_policy where row_security_active(polrelid)
    and exists (select from unnest(polroles) role where role = 0 or pg_has_role(role, 'usage'))`,
} as const;

/** Finds what others have added to the tables, as `goals (a, b)`, `tasks (c)`. */
async function findForeignObjects(
  { driver, schema: { name: schema }, options }: Examined,
  kind: keyof typeof FOREIGN_OBJECTS,
): Promise<string[]> {
  const { rows } = await driver.execute(
    `select c.relname || ' (' || string_agg(s.name, ', ' order by s.name) || ')'
     from (${FOREIGN_OBJECTS[kind]}) s join pg_class c on c.oid = s.table_id
     where c.relnamespace = (select oid from pg_namespace where nspname = $2) and c.relname = any ($1::text[]) group by c.relname order by c.relname`,
    kind === "constraints" ? [tables, schema, constraints] : [tables, schema],
    options,
  );
  return rows.map(([text]) => String(text));
}

import { SchemaVersionError } from "../contract/errors.ts";
import type { SchemaName } from "../schema/schema-name.ts";
import type { SqlExecutor } from "../session/driver.ts";
import { createJournal, journalInsert } from "./journal.ts";
import { type MigrationSet, schemaVersion } from "./migration-set.ts";
import { listDifferences, type SchemaDifference } from "./schema-check/schema-difference.ts";
import { findSchemaDifferences } from "./schema-check/schema-differences.ts";
import { readSchemaFacts, type SchemaFacts, type SchemaShape, type TableShape } from "./schema-check/schema-facts.ts";

/** The tables of the Python service (contract.md, last section), frozen: the input of `drizzle/adopt/python-service.sql`. */
const TABLES: Readonly<Record<string, string>> = {
  users: `id uuid NOT NULL, name text NOT NULL, email text NOT NULL, preferences jsonb, demo_mode boolean,
    created_at timestamp with time zone`,
  goals: `id uuid NOT NULL, user_id uuid NOT NULL, title text NOT NULL, category text, timeline text, status text,
    created_at timestamp with time zone`,
  milestones: `id uuid NOT NULL, goal_id uuid NOT NULL, week_number integer NOT NULL, title text NOT NULL, status text,
    created_at timestamp with time zone`,
  tasks: `id uuid NOT NULL, user_id uuid NOT NULL, goal_id uuid NOT NULL, milestone_id uuid, title text NOT NULL,
    start_time timestamp with time zone, end_time timestamp with time zone, state task_state, priority task_priority,
    trigger_type trigger_type, is_recurring boolean, calendar_event_id character varying(255),
    created_at timestamp with time zone`,
  // A goal_id is NOT NULL before that service's second migration; both are accepted.
  conversations: `id uuid NOT NULL, user_id uuid NOT NULL, goal_id uuid, messages jsonb, status text,
    created_at timestamp with time zone`,
  demo_flags: "user_id uuid NOT NULL, virtual_now timestamp with time zone, escalation_speed double precision",
};

const PARENTS: Readonly<Record<string, string>> = { user_id: "users", goal_id: "goals", milestone_id: "milestones" };

function shapeOf(table: string, text: string): TableShape {
  const columns = text.split(/,\s+/).map((column) => column.split(/ (.*)/));
  // Named by PostgreSQL's defaults; later migrations and the error messages rely on the names.
  const constraints = columns
    .filter(([name = ""]) => name in PARENTS)
    .map(([name = ""]) => [
      `${table}_${name}_fkey`,
      `FOREIGN KEY (${name}) REFERENCES ${PARENTS[name]}(id) ON DELETE CASCADE`,
    ]);
  constraints.push([`${table}_pkey`, `PRIMARY KEY (${columns[0]?.[0]})`]);
  if (table === "users") constraints.push(["users_email_key", "UNIQUE (email)"]);
  return { columns: Object.fromEntries(columns), constraints: Object.fromEntries(constraints), indexes: {} };
}

const SHAPE: SchemaShape = {
  enums: {
    task_priority: ["standard", "important", "must-not-miss"],
    task_state: ["scheduled", "drifted", "completed", "missed"],
    trigger_type: ["time", "on_leaving_home"],
  },
  tables: Object.fromEntries(Object.entries(TABLES).map(([table, text]) => [table, shapeOf(table, text)])),
};

/**
 * Whether a database without a journal is the Python service's; `false` if it has none of its tables and types. Other tables,
 * columns that an insert may omit, defaults and indexes do not count: the last two are set by the adoption itself.
 * @param facts what there is of the schema of `set`, if that is known
 * @throws SchemaVersionError if there are tables that the Python service has not created
 */
export async function isPythonService(
  executor: SqlExecutor,
  schema: SchemaName,
  set: MigrationSet,
  facts: SchemaFacts | undefined,
): Promise<boolean> {
  const found = await readSchemaFacts(executor, schema, SHAPE);
  const present = found.all.filter(({ kind }) => kind === "table" || kind === "enum").map(({ table }) => table);
  if (present.length === 0) return false;
  const differences = differencesOf(found);
  if (differences.length === 0) return true;
  const isComplete = facts?.hasTables === true && findSchemaDifferences(facts).length === 0;
  if (isComplete) throw lostJournalError(schema, set);
  throw new SchemaVersionError(
    `The database has no journal flux_dao_migrations (version 0; this code needs version ${schemaVersion(set)}), but has ` +
      `${present.toSorted().join(", ")} in the schema ${schema.name}, and they are not as the Python service created them: ` +
      `${listDifferences(differences)}. Nothing was changed. Use another database, drop or fix these, or restore the ` +
      "journal if Flux DAO created the tables.",
  );
}

function differencesOf(facts: SchemaFacts): SchemaDifference[] {
  // An extra value, too: rows may have it.
  const types = Object.entries(facts.shape.enums).flatMap(([type, values]) => {
    const [actual, expected] = [facts.detail("enum", type), values.join(", ")];
    const hasOthers = actual !== undefined && actual !== expected;
    return hasOthers ? [{ what: `the type ${type} has the values ${actual}, not ${expected}` }] : [];
  });
  // NOT NULL on further columns does no harm to the adoption.
  const differences = [...types, ...findSchemaDifferences(facts).filter(({ isStricter }) => isStricter !== true)];
  // A rule that the Python service never had: the migrations created these tables, and their journal was lost.
  const isLater = facts.detail("constraint", "users", "users_email_format") !== undefined;
  return isLater ? [...differences, { what: "the constraints of a later version already exist" }] : differences;
}

/** The journal is not recreated automatically: a later release may have made changes that are not visible here. */
function lostJournalError(schema: SchemaName, set: MigrationSet): SchemaVersionError {
  const statements = [
    createJournal(schema).replace("TABLE", "TABLE IF NOT EXISTS").replace(/\s+/g, " "),
    ...set.migrations.flatMap((migration) => journalInsert(schema, migration)),
  ];
  return new SchemaVersionError(
    `The tables match version ${schemaVersion(set)}, which this code needs, but their journal ` +
      "flux_dao_migrations is missing or empty. Nothing was changed. Restore it from a backup; or, if no later release has " +
      `migrated this database, run: ${statements.join(" ")}`,
  );
}

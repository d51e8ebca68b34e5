import { createHash } from "node:crypto";
import { inSchema, type SchemaName, textLiteral } from "../schema/schema-name.ts";
import { CHANGE_FEED } from "./migrations.gen.ts";

/** The table whose presence says that a schema has a change feed. */
export const FEED = "flux_dao_change_feed";

/**
 * Of the functions, which say it: count it up with each change, so that an older release that serves beside this one leaves them as
 * they are. It goes on calling them, so their signatures stay.
 */
export const FEED_VERSION = 3;

/** The tables of which changes are recorded, and the name of their rows. */
const RECORDED: Readonly<Record<string, string>> = {
  users: "user",
  goals: "goal",
  milestones: "milestone",
  tasks: "task",
  conversations: "conversation",
  demo_flags: "demo_flags",
};

/** An object of the feed, and the statements that create or replace it. */
export interface FeedObject {
  readonly kind: "table" | "function" | "trigger";
  /** Of a trigger: its table. */
  readonly table: string;
  readonly name: string;
  /** A trigger is enabled, a function has this text. */
  readonly detail: string;
  readonly statements: string[];
}

/** What makes up the feed of a schema, in the order of creation: `drizzle/changes/feed.sql`, and the triggers of each table. */
export function feedObjects(schema: SchemaName): FeedObject[] {
  const objects: FeedObject[] = [];
  for (const statement of CHANGE_FEED) {
    const [, kind, name = ""] = /^CREATE .*?(TABLE|FUNCTION) (?:IF NOT EXISTS )?"public"\.(\w+)/.exec(statement) ?? [];
    const own = inSchema(schema, statement);
    if (kind === "FUNCTION") objects.push(functionOf(schema, name, statement));
    else if (kind === "TABLE") objects.push({ kind: "table", table: "", name, detail: "table", statements: [own] });
    // It belongs to the object before it.
    else objects.at(-1)?.statements.push(own);
  }
  return [...objects, ...Object.entries(RECORDED).flatMap(([table, entity]) => triggersOf(schema, table, entity))];
}

/** The text of a function is not between dollars: it names the schema, which may be called anything. */
function functionOf(schema: SchemaName, name: string, statement: string): FeedObject {
  const [head = "", text = ""] = statement.split("$feed$");
  const body = `-- feed ${FEED_VERSION}${inSchema(schema, text)}`;
  const digest = createHash("md5").update(body).digest("hex");
  const detail = head.includes(" SECURITY DEFINER ") ? `${digest} definer` : digest;
  const statements = [`${inSchema(schema, head)}${textLiteral(body)};`];
  return { kind: "function", table: "", name, detail, statements };
}

/** What is recorded of a table of which a trigger was missing. */
export function resyncOf(schema: SchemaName, table: string): string {
  const rows = schema.qualified("flux_dao_new_changes");
  return `INSERT INTO ${rows} (entity, operation) VALUES ('${RECORDED[table]}', 'resync');`;
}

const OPERATIONS = { insert: "created", update: "updated", delete: "deleted", truncate: "resync" };

function triggersOf(schema: SchemaName, table: string, entity: string): FeedObject[] {
  const on = schema.qualified(table);
  const record = schema.qualified("flux_dao_record_changes");
  const trigger = (event: string, timing: string, operation: string): FeedObject => {
    const name = `flux_dao_changes_${event}`;
    const create = `CREATE TRIGGER "${name}" AFTER ${timing} EXECUTE FUNCTION ${record}('${entity}', '${operation}');`;
    const statements = [`DROP TRIGGER IF EXISTS "${name}" ON ${on};`, create];
    return { kind: "trigger", table, name, detail: "enabled", statements };
  };
  const all = Object.entries(OPERATIONS).map(([event, operation]) => {
    const side = event === "delete" ? "OLD" : "NEW";
    const rows = event === "truncate" ? "" : `REFERENCING ${side} TABLE AS changed `;
    return trigger(event, `${event.toUpperCase()} ON ${on} ${rows}FOR EACH STATEMENT`, operation);
  });
  if (entity === "user") return all;
  // For those who follow the user that a row no longer belongs to.
  const owner = entity === "milestone" ? "goal_id" : "user_id";
  const moved = `UPDATE OF ${owner} ON ${on} FOR EACH ROW WHEN (OLD.${owner} <> NEW.${owner})`;
  return [...all, trigger("move", moved, entity === "demo_flags" ? "deleted" : "updated")];
}

import { createHash } from "node:crypto";
import { type SchemaName, textLiteral } from "../schema/schema-name.ts";

/** The table whose presence says that a schema has a change feed: one row, the last position that was given. */
export const FEED = "flux_dao_change_feed";

/**
 * Of the functions, which say it: count it up with each change, so that an older release that serves beside this one leaves them as
 * they are. It goes on calling them, so their signatures stay.
 */
export const FEED_VERSION = 1;

/** What is recorded, by table: entity, id, user and goal of a row `c`, and what else it takes to find these. */
const RECORDED: Readonly<Record<string, readonly [entity: string, columns: string, join?: string]>> = {
  users: ["user", "c.id, c.id, null::uuid"],
  goals: ["goal", "c.id, c.user_id, null::uuid"],
  // A goal that is deleted with its milestones is gone by now, and its user with it.
  milestones: ["milestone", "c.id, g.user_id, c.goal_id", "LEFT JOIN %goals g ON g.id = c.goal_id"],
  tasks: ["task", "c.id, c.user_id, null::uuid"],
  conversations: ["conversation", "c.id, c.user_id, null::uuid"],
  demo_flags: ["demo_flags", "c.user_id, c.user_id, null::uuid"],
};

/** An object of the feed, and the statements that create or replace it. */
export interface FeedObject {
  readonly kind: "table" | "function" | "trigger";
  /** Of a trigger: its table. */
  readonly table: string;
  readonly name: string;
  /** A trigger is enabled, a function has this text. */
  readonly detail: string;
  readonly statements: readonly string[];
}

/**
 * What makes up the feed of a schema, in the order of creation. Triggers write what changed, without a position. A reader assigns
 * positions to what is committed by then (docs/decisions.md).
 */
export function feedObjects(schema: SchemaName): FeedObject[] {
  const inSchema = (text: string) => text.replaceAll("%", () => `${schema.quoted}.`);
  const table = (name: string, columns: string, ...further: readonly string[]): FeedObject => {
    const create = `CREATE TABLE IF NOT EXISTS %${name} (${columns});`;
    return { kind: "table", table: "", name, detail: "table", statements: [create, ...further].map(inSchema) };
  };
  const routine = (name: string, signature: string, options: string, text: string): FeedObject => {
    const body = `-- feed ${FEED_VERSION}${inSchema(text)}`;
    const detail = `${createHash("md5").update(body).digest("hex")}${options === "" ? "" : " definer"}`;
    const head = inSchema(`CREATE OR REPLACE FUNCTION %${name}${signature} LANGUAGE plpgsql ${options}`);
    const statements = [`${head} AS ${textLiteral(body)};`];
    // Nobody else is to write into the feed by a trigger of their own.
    if (options !== "") statements.push(inSchema(`REVOKE ALL ON FUNCTION %${name}() FROM PUBLIC;`));
    return { kind: "function", table: "", name, detail, statements };
  };
  const change = "entity text NOT NULL, operation text NOT NULL, id uuid, user_id uuid, goal_id uuid";
  return [
    table(
      FEED,
      `"only" boolean PRIMARY KEY DEFAULT true CHECK ("only"), position bigint NOT NULL DEFAULT 0,
        floor_position bigint NOT NULL DEFAULT 0, floor_token bigint NOT NULL DEFAULT ${RANDOM}`,
      `INSERT INTO %${FEED} DEFAULT VALUES ON CONFLICT DO NOTHING;`,
    ),
    table(
      "flux_dao_changes",
      `position bigint PRIMARY KEY, token bigint NOT NULL, ${change}, changed_at timestamp with time zone NOT NULL`,
    ),
    table(
      "flux_dao_new_changes",
      `seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, ${change},
        changed_at timestamp with time zone NOT NULL DEFAULT clock_timestamp()`,
    ),
    routine(RECORD, "() RETURNS trigger", "SECURITY DEFINER SET search_path TO pg_catalog, pg_temp", RECORD_BODY),
    routine("flux_dao_position_changes", "(most integer) RETURNS integer", "", POSITION_BODY),
    routine("flux_dao_read_changes", READ_SIGNATURE, "", READ_BODY),
    routine("flux_dao_prune_changes", "(retention double precision, most integer) RETURNS integer", "", PRUNE_BODY),
    ...Object.entries(RECORDED).flatMap(([name, [entity]]) => triggersOf(schema, name, entity)),
  ];
}

/** What is recorded of a table of which a trigger was missing. */
export function resyncOf(schema: SchemaName, table: string): string {
  const entity = RECORDED[table]?.[0];
  return `INSERT INTO ${schema.qualified("flux_dao_new_changes")} (entity, operation) VALUES ('${entity}', 'resync');`;
}

const OPERATIONS = { insert: "created", update: "updated", delete: "deleted", truncate: "resync" };

function triggersOf(schema: SchemaName, table: string, entity: string): FeedObject[] {
  const on = schema.qualified(table);
  const trigger = (event: string, timing: string, operation: string): FeedObject => {
    const name = `flux_dao_changes_${event}`;
    const create = `CREATE TRIGGER "${name}" AFTER ${timing} EXECUTE FUNCTION ${schema.qualified(RECORD)}('${entity}', '${operation}');`;
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

const RECORD = "flux_dao_record_changes";

/** Random, and not from `random()`, which sessions can seed. */
const RANDOM = "('x' || right(replace(gen_random_uuid()::text, '-', ''), 16))::bit(64)::bigint";

/** The server plans a statement when a trigger first reaches it, for that trigger's table alone. */
const RECORD_BODY = `
BEGIN
  IF TG_OP = 'TRUNCATE' THEN
    INSERT INTO %flux_dao_new_changes (entity, operation) VALUES (TG_ARGV[0], TG_ARGV[1]);
${recordingOf("changed", "TG_LEVEL = 'STATEMENT'")}
${recordingOf("(SELECT OLD.*)", "TG_LEVEL = 'ROW'")}
  END IF;
  RETURN NULL;
END`;

function recordingOf(rows: string, condition: string): string {
  const branches = Object.values(RECORDED).map(
    ([entity, columns, join = ""]) => `  ELSIF TG_ARGV[0] = '${entity}' AND ${condition} THEN
    INSERT INTO %flux_dao_new_changes (entity, operation, id, user_id, goal_id)
    SELECT TG_ARGV[0], TG_ARGV[1], ${columns} FROM ${rows} c ${join};`,
  );
  return branches.join("\n");
}

/**
 * Gives the next positions to at most so many changes, and returns to how many; 0 also if another session is doing so. All of one
 * call have one random token, by which a cursor is known again: what shares a token shares everything before it, in any copy.
 */
const POSITION_BODY = `
DECLARE
  head bigint;
  mark bigint := ${RANDOM};
  given integer;
BEGIN
  -- By a scalar subquery, which uses the index; for an EXISTS within OR all changes would be hashed.
  IF NOT coalesce((SELECT f.position = f.floor_position
      OR (SELECT c.position FROM %flux_dao_changes c WHERE c.position = f.position) IS NOT NULL FROM %${FEED} f), false) THEN
    -- Someone has emptied tables of the feed: what cursors were known by is gone.
    INSERT INTO %${FEED} (position, floor_position)
    SELECT coalesce(max(c.position), 0), coalesce(min(c.position) - 1, 0) FROM %flux_dao_changes c ON CONFLICT DO NOTHING;
    PERFORM FROM %${FEED} FOR UPDATE;
    UPDATE %${FEED} f SET floor_position = f.position, floor_token = mark
    WHERE f.position <> f.floor_position AND NOT EXISTS (SELECT FROM %flux_dao_changes c WHERE c.position = f.position);
  END IF;
  IF (SELECT min(n.seq) FROM %flux_dao_new_changes n) IS NULL THEN RETURN 0; END IF;
  SELECT f.position INTO head FROM %${FEED} f FOR UPDATE SKIP LOCKED;
  IF NOT FOUND THEN RETURN 0; END IF;
  -- A statement of its own, so that its snapshot is newer than the lock: an older one would miss rows, or take them twice.
  WITH taken AS (
    DELETE FROM %flux_dao_new_changes n
    WHERE n.seq = ANY (ARRAY(SELECT m.seq FROM %flux_dao_new_changes m ORDER BY m.seq LIMIT most)) RETURNING n.*
  )
  INSERT INTO %flux_dao_changes (position, token, entity, operation, id, user_id, goal_id, changed_at)
  SELECT head + row_number() OVER (ORDER BY t.seq), mark, t.entity, t.operation, t.id, t.user_id, t.goal_id, t.changed_at FROM taken t;
  GET DIAGNOSTICS given = ROW_COUNT;
  UPDATE %${FEED} SET position = head + given WHERE given > 0;
  RETURN given;
END`;

/** Each row has where the page ends: `upto`, which is NULL if the cursor is not known. */
const READ_SIGNATURE = `(after_position bigint, after_token bigint, only_entity text, only_user uuid, most integer, gives boolean)
  RETURNS TABLE (head bigint, upto bigint, upto_token bigint, has_more boolean, place bigint, token bigint, entity text,
    operation text, id uuid, user_id uuid, goal_id uuid, changed_at timestamp with time zone)`;

/**
 * A NULL position is the end, a negative one the beginning. At most 20,000 changes are looked at. One snapshot has all of it. LIMIT 1
 * says that there is one head row: of a table that was never vacuumed the server expects hundreds, and would compile so costly a plan.
 */
const READ_BODY = `
#variable_conflict use_column
DECLARE
  given integer := 0;
BEGIN
  IF gives THEN given := %flux_dao_position_changes(2000); END IF;
  RETURN QUERY
  WITH base AS MATERIALIZED (
    SELECT f.position AS head, f.floor_position, f.floor_token, CASE
      WHEN after_position IS NULL THEN f.position
      WHEN after_position < 0 OR (after_position = f.floor_position AND after_token = f.floor_token) THEN f.floor_position
      ELSE (SELECT c.position FROM %flux_dao_changes c WHERE c.position = after_position AND c.token = after_token) END AS start
    FROM %${FEED} f LIMIT 1
  ), page AS MATERIALIZED (
    SELECT c.* FROM base b CROSS JOIN LATERAL (
      SELECT c.* FROM %flux_dao_changes c
      WHERE c.position > b.start AND c.position <= b.start + 20000 AND (only_entity IS NULL OR c.entity = only_entity)
        AND (only_user IS NULL OR c.user_id = only_user OR c.operation = 'resync')
      ORDER BY c.position LIMIT most) c
  ), ending AS (
    SELECT b.*, CASE WHEN b.start IS NULL THEN NULL WHEN (SELECT count(*) FROM page) = most THEN (SELECT max(p.position) FROM page p)
      ELSE least(b.head, b.start + 20000) END AS upto
    FROM base b
  )
  SELECT e.head, e.upto, CASE WHEN e.upto = e.floor_position THEN e.floor_token
      ELSE (SELECT c.token FROM %flux_dao_changes c WHERE c.position = e.upto) END,
    e.upto < e.head OR given = 2000, p.position, p.token, p.entity, p.operation, p.id, p.user_id, p.goal_id, p.changed_at
  FROM ending e LEFT JOIN page p ON true ORDER BY p.position;
END`;

/** Deletes the oldest changes up to the first that is not older than so many milliseconds. */
const PRUNE_BODY = `
DECLARE
  floor_before bigint;
  last record;
  pruned integer;
BEGIN
  SELECT f.floor_position INTO floor_before FROM %${FEED} f FOR UPDATE;
  SELECT c.position, c.token INTO last FROM %flux_dao_changes c WHERE c.position = (
    SELECT coalesce(min(o.position) FILTER (WHERE o.changed_at >= clock_timestamp() - retention * interval '1 millisecond') - 1,
      max(o.position))
    FROM (SELECT * FROM %flux_dao_changes c WHERE c.position > floor_before ORDER BY c.position LIMIT most) o);
  IF NOT FOUND THEN RETURN 0; END IF;
  DELETE FROM %flux_dao_changes c WHERE c.position > floor_before AND c.position <= last.position;
  GET DIAGNOSTICS pruned = ROW_COUNT;
  UPDATE %${FEED} SET floor_position = last.position, floor_token = last.token;
  RETURN pruned;
END`;

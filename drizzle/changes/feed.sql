-- The change feed of a schema, in the order of creation; its triggers are made by change-feed-objects.ts. Triggers write what changed,
-- without a position; a reader gives positions to what is committed by then (docs/decisions.md). Random numbers are not from random(),
-- which sessions can seed. Whoever changes a function counts up FEED_VERSION there.

-- One row: the last position that was given, and what was deleted before the oldest change.
CREATE TABLE IF NOT EXISTS "public".flux_dao_change_feed (
  "only" boolean PRIMARY KEY DEFAULT true CHECK ("only"),
  position bigint NOT NULL DEFAULT 0,
  floor_position bigint NOT NULL DEFAULT 0,
  floor_token bigint NOT NULL DEFAULT ('x' || right(replace(gen_random_uuid()::text, '-', ''), 16))::bit(64)::bigint
);
--> statement-breakpoint
INSERT INTO "public".flux_dao_change_feed DEFAULT VALUES ON CONFLICT DO NOTHING;
--> statement-breakpoint
CREATE TABLE IF NOT EXISTS "public".flux_dao_changes (
  position bigint PRIMARY KEY,
  token bigint NOT NULL,
  entity text NOT NULL,
  operation text NOT NULL,
  id uuid,
  user_id uuid,
  goal_id uuid,
  changed_at timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE IF NOT EXISTS "public".flux_dao_new_changes (
  seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  entity text NOT NULL,
  operation text NOT NULL,
  id uuid,
  user_id uuid,
  goal_id uuid,
  changed_at timestamp with time zone NOT NULL DEFAULT clock_timestamp()
);
--> statement-breakpoint
-- The server plans a statement when a trigger first reaches it, for that trigger's table alone. A goal that is deleted with its
-- milestones is gone by then, and its user with it.
CREATE OR REPLACE FUNCTION "public".flux_dao_record_changes() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path TO pg_catalog, pg_temp AS $feed$
BEGIN
  IF TG_OP = 'TRUNCATE' THEN
    INSERT INTO "public".flux_dao_new_changes (entity, operation) VALUES (TG_ARGV[0], TG_ARGV[1]);
  ELSIF TG_ARGV[0] = 'user' AND TG_LEVEL = 'STATEMENT' THEN
    INSERT INTO "public".flux_dao_new_changes (entity, operation, id, user_id, goal_id)
    SELECT TG_ARGV[0], TG_ARGV[1], c.id, c.id, null::uuid FROM changed c ;
  ELSIF TG_ARGV[0] = 'goal' AND TG_LEVEL = 'STATEMENT' THEN
    INSERT INTO "public".flux_dao_new_changes (entity, operation, id, user_id, goal_id)
    SELECT TG_ARGV[0], TG_ARGV[1], c.id, c.user_id, null::uuid FROM changed c ;
  ELSIF TG_ARGV[0] = 'milestone' AND TG_LEVEL = 'STATEMENT' THEN
    INSERT INTO "public".flux_dao_new_changes (entity, operation, id, user_id, goal_id)
    SELECT TG_ARGV[0], TG_ARGV[1], c.id, g.user_id, c.goal_id FROM changed c LEFT JOIN "public".goals g ON g.id = c.goal_id;
  ELSIF TG_ARGV[0] = 'task' AND TG_LEVEL = 'STATEMENT' THEN
    INSERT INTO "public".flux_dao_new_changes (entity, operation, id, user_id, goal_id)
    SELECT TG_ARGV[0], TG_ARGV[1], c.id, c.user_id, null::uuid FROM changed c ;
  ELSIF TG_ARGV[0] = 'conversation' AND TG_LEVEL = 'STATEMENT' THEN
    INSERT INTO "public".flux_dao_new_changes (entity, operation, id, user_id, goal_id)
    SELECT TG_ARGV[0], TG_ARGV[1], c.id, c.user_id, null::uuid FROM changed c ;
  ELSIF TG_ARGV[0] = 'demo_flags' AND TG_LEVEL = 'STATEMENT' THEN
    INSERT INTO "public".flux_dao_new_changes (entity, operation, id, user_id, goal_id)
    SELECT TG_ARGV[0], TG_ARGV[1], c.user_id, c.user_id, null::uuid FROM changed c ;
  ELSIF TG_ARGV[0] = 'user' AND TG_LEVEL = 'ROW' THEN
    INSERT INTO "public".flux_dao_new_changes (entity, operation, id, user_id, goal_id)
    SELECT TG_ARGV[0], TG_ARGV[1], c.id, c.id, null::uuid FROM (SELECT OLD.*) c ;
  ELSIF TG_ARGV[0] = 'goal' AND TG_LEVEL = 'ROW' THEN
    INSERT INTO "public".flux_dao_new_changes (entity, operation, id, user_id, goal_id)
    SELECT TG_ARGV[0], TG_ARGV[1], c.id, c.user_id, null::uuid FROM (SELECT OLD.*) c ;
  ELSIF TG_ARGV[0] = 'milestone' AND TG_LEVEL = 'ROW' THEN
    INSERT INTO "public".flux_dao_new_changes (entity, operation, id, user_id, goal_id)
    SELECT TG_ARGV[0], TG_ARGV[1], c.id, g.user_id, c.goal_id FROM (SELECT OLD.*) c LEFT JOIN "public".goals g ON g.id = c.goal_id;
  ELSIF TG_ARGV[0] = 'task' AND TG_LEVEL = 'ROW' THEN
    INSERT INTO "public".flux_dao_new_changes (entity, operation, id, user_id, goal_id)
    SELECT TG_ARGV[0], TG_ARGV[1], c.id, c.user_id, null::uuid FROM (SELECT OLD.*) c ;
  ELSIF TG_ARGV[0] = 'conversation' AND TG_LEVEL = 'ROW' THEN
    INSERT INTO "public".flux_dao_new_changes (entity, operation, id, user_id, goal_id)
    SELECT TG_ARGV[0], TG_ARGV[1], c.id, c.user_id, null::uuid FROM (SELECT OLD.*) c ;
  ELSIF TG_ARGV[0] = 'demo_flags' AND TG_LEVEL = 'ROW' THEN
    INSERT INTO "public".flux_dao_new_changes (entity, operation, id, user_id, goal_id)
    SELECT TG_ARGV[0], TG_ARGV[1], c.user_id, c.user_id, null::uuid FROM (SELECT OLD.*) c ;
  END IF;
  RETURN NULL;
END$feed$;
--> statement-breakpoint
-- Nobody else is to write into the feed by a trigger of their own.
REVOKE ALL ON FUNCTION "public".flux_dao_record_changes() FROM PUBLIC;
--> statement-breakpoint
-- Gives the next positions to at most so many changes, and returns to how many; -1 if another session has locked the head. All of one
-- call have one random token, by which a cursor is known again: what shares a token shares everything before it, in any copy.
CREATE OR REPLACE FUNCTION "public".flux_dao_position_changes(most integer) RETURNS integer LANGUAGE plpgsql AS $feed$
DECLARE
  head bigint;
  mark bigint := ('x' || right(replace(gen_random_uuid()::text, '-', ''), 16))::bit(64)::bigint;
  given integer;
BEGIN
  -- By a scalar subquery, which uses the index; for an EXISTS within OR all changes would be hashed.
  IF NOT coalesce((SELECT f.position = f.floor_position
      OR (SELECT c.position FROM "public".flux_dao_changes c WHERE c.position = f.position) IS NOT NULL FROM "public".flux_dao_change_feed f), false) THEN
    -- Someone has emptied tables of the feed: what cursors were known by is gone.
    INSERT INTO "public".flux_dao_change_feed (position, floor_position)
    SELECT coalesce(max(c.position), 0), coalesce(min(c.position) - 1, 0) FROM "public".flux_dao_changes c ON CONFLICT DO NOTHING;
    PERFORM FROM "public".flux_dao_change_feed FOR UPDATE;
    UPDATE "public".flux_dao_change_feed f SET floor_position = f.position, floor_token = mark
    WHERE f.position <> f.floor_position AND NOT EXISTS (SELECT FROM "public".flux_dao_changes c WHERE c.position = f.position);
  END IF;
  IF (SELECT min(n.seq) FROM "public".flux_dao_new_changes n) IS NULL THEN RETURN 0; END IF;
  SELECT f.position INTO head FROM "public".flux_dao_change_feed f FOR UPDATE SKIP LOCKED;
  IF NOT FOUND THEN RETURN -1; END IF;
  -- A statement of its own, so that its snapshot is newer than the lock: an older one would miss rows, or take them twice.
  WITH taken AS (
    DELETE FROM "public".flux_dao_new_changes n
    WHERE n.seq = ANY (ARRAY(SELECT m.seq FROM "public".flux_dao_new_changes m ORDER BY m.seq LIMIT most)) RETURNING n.*
  )
  INSERT INTO "public".flux_dao_changes (position, token, entity, operation, id, user_id, goal_id, changed_at)
  SELECT head + row_number() OVER (ORDER BY t.seq), mark, t.entity, t.operation, t.id, t.user_id, t.goal_id, t.changed_at FROM taken t;
  GET DIAGNOSTICS given = ROW_COUNT;
  UPDATE "public".flux_dao_change_feed SET position = head + given WHERE given > 0;
  RETURN given;
END$feed$;
--> statement-breakpoint
-- A NULL position is the end, a negative one the beginning. At most 20,000 changes are looked at. One snapshot has all of it. LIMIT 1
-- says that there is one head row: of a table that was never vacuumed the server expects hundreds, and would compile so costly a plan.
-- Each row has where the page ends: upto, which is NULL if the cursor is not known. has_more is NULL at the end if there may be more,
-- to which another session is giving positions.
CREATE OR REPLACE FUNCTION "public".flux_dao_read_changes(
  after_position bigint, after_token bigint, only_entity text, only_user uuid, most integer, gives boolean
) RETURNS TABLE (
  head bigint, upto bigint, upto_token bigint, has_more boolean, place bigint, token bigint, entity text, operation text, id uuid,
  user_id uuid, goal_id uuid, changed_at timestamp with time zone
) LANGUAGE plpgsql AS $feed$
#variable_conflict use_column
DECLARE
  given integer := 0;
BEGIN
  IF gives THEN given := "public".flux_dao_position_changes(2000); END IF;
  RETURN QUERY
  WITH base AS MATERIALIZED (
    SELECT f.position AS head, f.floor_position, f.floor_token, CASE
      WHEN after_position IS NULL THEN f.position
      WHEN after_position < 0 OR (after_position = f.floor_position AND after_token = f.floor_token) THEN f.floor_position
      ELSE (SELECT c.position FROM "public".flux_dao_changes c WHERE c.position = after_position AND c.token = after_token) END AS start
    FROM "public".flux_dao_change_feed f LIMIT 1
  ), page AS MATERIALIZED (
    SELECT c.* FROM base b CROSS JOIN LATERAL (
      SELECT c.* FROM "public".flux_dao_changes c
      WHERE c.position > b.start AND c.position <= b.start + 20000 AND (only_entity IS NULL OR c.entity = only_entity)
        AND (only_user IS NULL OR c.user_id = only_user OR c.operation = 'resync')
      ORDER BY c.position LIMIT most) c
  ), ending AS (
    SELECT b.*, CASE WHEN b.start IS NULL THEN NULL WHEN (SELECT count(*) FROM page) = most THEN (SELECT max(p.position) FROM page p)
      ELSE least(b.head, b.start + 20000) END AS upto
    FROM base b
  )
  SELECT e.head, e.upto, CASE WHEN e.upto = e.floor_position THEN e.floor_token
      ELSE (SELECT c.token FROM "public".flux_dao_changes c WHERE c.position = e.upto) END,
    CASE WHEN e.upto < e.head OR given = 2000 THEN true WHEN given >= 0 THEN false END, p.position, p.token, p.entity, p.operation, p.id, p.user_id, p.goal_id, p.changed_at
  FROM ending e LEFT JOIN page p ON true ORDER BY p.position;
END$feed$;
--> statement-breakpoint
-- Deletes the oldest changes up to the first that is not older than so many milliseconds.
CREATE OR REPLACE FUNCTION "public".flux_dao_prune_changes(retention double precision, most integer) RETURNS integer LANGUAGE plpgsql AS $feed$
DECLARE
  floor_before bigint;
  last record;
  pruned integer;
BEGIN
  SELECT f.floor_position INTO floor_before FROM "public".flux_dao_change_feed f FOR UPDATE;
  SELECT c.position, c.token INTO last FROM "public".flux_dao_changes c WHERE c.position = (
    SELECT coalesce(min(o.position) FILTER (WHERE o.changed_at >= clock_timestamp() - retention * interval '1 millisecond') - 1,
      max(o.position))
    FROM (SELECT * FROM "public".flux_dao_changes c WHERE c.position > floor_before ORDER BY c.position LIMIT most) o);
  IF NOT FOUND THEN RETURN 0; END IF;
  DELETE FROM "public".flux_dao_changes c WHERE c.position > floor_before AND c.position <= last.position;
  GET DIAGNOSTICS pruned = ROW_COUNT;
  UPDATE "public".flux_dao_change_feed SET floor_position = last.position, floor_token = last.token;
  RETURN pruned;
END$feed$;

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
-- Readers begin behind swept_seq, at or below which no change can come any more: deleted rows stay in the index until a vacuum removes
-- them, which any old snapshot prevents, and each poll would visit all. taken_seq: the greatest that has a position. written_by and
-- sequence_file say of what this is known.
ALTER TABLE "public".flux_dao_change_feed ADD COLUMN IF NOT EXISTS taken_seq bigint NOT NULL DEFAULT 0, ADD COLUMN IF NOT EXISTS swept_seq bigint NOT NULL DEFAULT 0,
  ADD COLUMN IF NOT EXISTS mark_seq bigint NOT NULL DEFAULT 0, ADD COLUMN IF NOT EXISTS mark_xid xid8 NOT NULL DEFAULT '0',
  ADD COLUMN IF NOT EXISTS written_by xid8 NOT NULL DEFAULT '0', ADD COLUMN IF NOT EXISTS sequence_file oid;
--> statement-breakpoint
-- The head. Nothing is known of another copy of the row (restored, or replicated), nor once the sequence was restarted. is_past: whether
-- the transactions that may have numbers up to mark_seq, all of which had begun to write at the mark, have ended.
CREATE OR REPLACE FUNCTION "public".flux_dao_read_change_head() RETURNS TABLE (
  "position" bigint, taken_seq bigint, swept_seq bigint, mark_seq bigint, mark_xid xid8, is_known boolean, is_past boolean, sequence_file oid
) LANGUAGE sql STABLE AS $feed$
  SELECT h.position, CASE WHEN h.is_known THEN h.taken_seq ELSE 0 END, CASE WHEN h.is_known THEN h.swept_seq ELSE 0 END,
    CASE WHEN h.is_known THEN h.mark_seq ELSE 0 END, h.mark_xid, h.is_known,
    h.is_known AND h.mark_seq > h.swept_seq AND h.mark_xid <= pg_snapshot_xmin(pg_current_snapshot()), h.current_file
  FROM (
    SELECT f.*, s.relfilenode AS current_file, f.written_by::xid = f.xmin AND f.sequence_file IS NOT DISTINCT FROM s.relfilenode AS is_known
    FROM "public".flux_dao_change_feed f JOIN pg_class t ON t.oid = f.tableoid
    LEFT JOIN pg_class s ON s.relnamespace = t.relnamespace AND s.relname = 'flux_dao_new_changes_seq_seq'
    LIMIT 1
  ) h
$feed$;
--> statement-breakpoint
-- Of a feed that has given no position yet this is known at once: nothing is swept.
UPDATE "public".flux_dao_change_feed SET written_by = pg_current_xact_id(),
  sequence_file = (SELECT h.sequence_file FROM "public".flux_dao_read_change_head() h) WHERE "position" = 0;
--> statement-breakpoint
-- Gives the next positions to at most so many changes, and returns to how many; -1 if another session has locked the head. All of one
-- call have one random token, by which a cursor is known again: what shares a token shares everything before it, in any copy.
CREATE OR REPLACE FUNCTION "public".flux_dao_position_changes(most integer) RETURNS integer LANGUAGE plpgsql AS $feed$
DECLARE
  round bigint := ('x' || right(replace(gen_random_uuid()::text, '-', ''), 16))::bit(64)::bigint;
  head record;
  earliest bigint;
  latest bigint;
  given integer;
  last_given bigint;
BEGIN
  -- By a scalar subquery, which uses the index; for an EXISTS within OR all changes would be hashed.
  IF NOT coalesce((SELECT f.position = f.floor_position
      OR (SELECT c.position FROM "public".flux_dao_changes c WHERE c.position = f.position) IS NOT NULL FROM "public".flux_dao_change_feed f), false) THEN
    -- Someone has emptied tables of the feed: what cursors were known by is gone.
    INSERT INTO "public".flux_dao_change_feed (position, floor_position)
    SELECT coalesce(max(c.position), 0), coalesce(min(c.position) - 1, 0) FROM "public".flux_dao_changes c ON CONFLICT DO NOTHING;
    PERFORM FROM "public".flux_dao_change_feed FOR UPDATE;
    UPDATE "public".flux_dao_change_feed f SET floor_position = f.position, floor_token = round
    WHERE f.position <> f.floor_position AND NOT EXISTS (SELECT FROM "public".flux_dao_changes c WHERE c.position = f.position);
  END IF;
  SELECT * INTO head FROM "public".flux_dao_read_change_head();
  earliest := (SELECT min(n.seq) FROM "public".flux_dao_new_changes n WHERE n.seq > head.swept_seq);
  IF earliest IS NULL AND head.is_known AND NOT head.is_past THEN RETURN 0; END IF;
  -- Whoever has a number up to this one has a transaction id, since triggers follow a write; ours is assigned by the lock, so it is greater.
  IF head.is_known AND pg_current_xact_id_if_assigned() IS NULL THEN
    latest := greatest(head.taken_seq, (SELECT max(n.seq) FROM "public".flux_dao_new_changes n WHERE n.seq >= earliest));
  END IF;
  PERFORM FROM "public".flux_dao_change_feed FOR UPDATE SKIP LOCKED;
  IF NOT FOUND THEN RETURN CASE WHEN earliest IS NULL THEN 0 ELSE -1 END; END IF;
  SELECT * INTO head FROM "public".flux_dao_read_change_head();
  -- A statement of its own, so that its snapshot is newer than the lock: an older one would miss rows, or take them twice.
  WITH taken AS (
    DELETE FROM "public".flux_dao_new_changes n WHERE n.seq = ANY (ARRAY(
      SELECT m.seq FROM "public".flux_dao_new_changes m WHERE m.seq > head.swept_seq ORDER BY m.seq LIMIT most)) RETURNING n.*
  ), moved AS (
    INSERT INTO "public".flux_dao_changes (position, token, entity, operation, id, user_id, goal_id, changed_at)
    SELECT head.position + row_number() OVER (ORDER BY t.seq), round, t.entity, t.operation, t.id, t.user_id, t.goal_id, t.changed_at FROM taken t
  )
  SELECT count(*), max(t.seq) INTO given, last_given FROM taken t;
  IF head.is_past AND (given < most OR last_given >= head.mark_seq) THEN head.swept_seq := head.mark_seq; END IF;
  -- A mark that is not past is kept: moved on each time, it would never be reached. Until all that came of an earlier sequence is taken,
  -- its numbers say nothing.
  IF head.is_known THEN
    head.taken_seq := greatest(head.taken_seq, last_given);
    IF head.mark_seq <= head.swept_seq AND latest IS NOT NULL THEN
      head.mark_seq := least(latest, head.taken_seq);
      head.mark_xid := pg_current_xact_id();
    END IF;
  END IF;
  UPDATE "public".flux_dao_change_feed SET position = head.position + given, taken_seq = head.taken_seq, swept_seq = head.swept_seq, mark_seq = head.mark_seq,
    mark_xid = head.mark_xid, sequence_file = head.sequence_file,
    written_by = CASE WHEN head.is_known OR given < most THEN pg_current_xact_id() ELSE '0' END
  WHERE given > 0 OR head.is_past OR NOT head.is_known;
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
  head record;
  last record;
  pruned integer := 0;
BEGIN
  SELECT f.floor_position INTO floor_before FROM "public".flux_dao_change_feed f FOR UPDATE;
  SELECT * INTO head FROM "public".flux_dao_read_change_head();
  SELECT c.position, c.token INTO last FROM "public".flux_dao_changes c WHERE c.position = (
    SELECT coalesce(min(o.position) FILTER (WHERE o.changed_at >= clock_timestamp() - retention * interval '1 millisecond') - 1,
      max(o.position))
    FROM (SELECT * FROM "public".flux_dao_changes c WHERE c.position > floor_before ORDER BY c.position LIMIT most) o);
  IF FOUND THEN
    DELETE FROM "public".flux_dao_changes c WHERE c.position > floor_before AND c.position <= last.position;
    GET DIAGNOSTICS pruned = ROW_COUNT;
    UPDATE "public".flux_dao_change_feed SET floor_position = last.position, floor_token = last.token,
      written_by = CASE WHEN head.is_known THEN pg_current_xact_id() ELSE '0' END;
  END IF;
  -- Someone has set the sequence back by setval, which leaves no trace.
  IF pruned < most AND EXISTS (SELECT FROM "public".flux_dao_new_changes n WHERE n.seq <= head.swept_seq) THEN
    UPDATE "public".flux_dao_change_feed SET written_by = '0';
  END IF;
  RETURN pruned;
END$feed$;

-- Adopts a database that the Python service created: brings it to exactly the state that 0000_initial.sql creates. Written
-- by hand and frozen: later changes are in the later migrations, which apply to an adopted database as to any other. Runs in
-- one transaction; after a failure nothing of it is kept, and it can be run again.
--
-- All six tables are locked until the commit, for readers too: a row with a NULL that is written between the UPDATE and the
-- SET NOT NULL would fail the whole adoption, and locking the tables one by one invites deadlocks.
-- Each table is scanned once for its NULLs, once for NOT NULL, once for each CHECK and once for each index.
LOCK TABLE "public"."users", "public"."goals", "public"."milestones", "public"."tasks", "public"."conversations", "public"."demo_flags" IN ACCESS EXCLUSIVE MODE;
--> statement-breakpoint
-- Each old index has one column, with which an index created below begins: the old ones would be redundant and slow down
-- every write. Dropped first, so that the UPDATEs do not maintain them.
DROP INDEX IF EXISTS
	"public"."idx_goals_user_id",
	"public"."idx_milestones_goal_id",
	"public"."idx_tasks_user_id",
	"public"."idx_tasks_goal_id",
	"public"."idx_tasks_milestone_id",
	"public"."idx_tasks_calendar_event_id",
	"public"."idx_conversations_user_id",
	"public"."idx_conversations_goal_id";
--> statement-breakpoint
-- NULL becomes the default, and so does JSON null where an object or array is required. No other row or column is written.
-- This comes before the constraints, which would refuse to rewrite a row that violates one.
UPDATE "public"."users" SET
	"preferences" = coalesce(nullif("preferences", 'null'::jsonb), '{}'::jsonb),
	"demo_mode" = coalesce("demo_mode", false),
	"created_at" = coalesce("created_at", now())
WHERE "preferences" IS NULL OR "preferences" = 'null'::jsonb OR "demo_mode" IS NULL OR "created_at" IS NULL;
--> statement-breakpoint
UPDATE "public"."goals" SET
	"status" = coalesce("status", 'active'),
	"created_at" = coalesce("created_at", now())
WHERE "status" IS NULL OR "created_at" IS NULL;
--> statement-breakpoint
UPDATE "public"."milestones" SET
	"status" = coalesce("status", 'pending'),
	"created_at" = coalesce("created_at", now())
WHERE "status" IS NULL OR "created_at" IS NULL;
--> statement-breakpoint
UPDATE "public"."tasks" SET
	"state" = coalesce("state", 'scheduled'),
	"priority" = coalesce("priority", 'standard'),
	"trigger_type" = coalesce("trigger_type", 'time'),
	"is_recurring" = coalesce("is_recurring", false),
	"created_at" = coalesce("created_at", now())
WHERE "state" IS NULL OR "priority" IS NULL OR "trigger_type" IS NULL OR "is_recurring" IS NULL OR "created_at" IS NULL;
--> statement-breakpoint
UPDATE "public"."conversations" SET
	"messages" = coalesce(nullif("messages", 'null'::jsonb), '[]'::jsonb),
	"status" = coalesce("status", 'open'),
	"created_at" = coalesce("created_at", now())
WHERE "messages" IS NULL OR "messages" = 'null'::jsonb OR "status" IS NULL OR "created_at" IS NULL;
--> statement-breakpoint
UPDATE "public"."demo_flags" SET "escalation_speed" = 1 WHERE "escalation_speed" IS NULL;
--> statement-breakpoint
-- One ALTER per table, so that it is scanned once for all its NOT NULLs. NOT VALID: existing rows are not checked yet.
ALTER TABLE "public"."users"
	ALTER COLUMN "id" SET DEFAULT gen_random_uuid(),
	ALTER COLUMN "preferences" SET DEFAULT '{}'::jsonb,
	ALTER COLUMN "preferences" SET NOT NULL,
	ALTER COLUMN "demo_mode" SET DEFAULT false,
	ALTER COLUMN "demo_mode" SET NOT NULL,
	ALTER COLUMN "created_at" SET DEFAULT now(),
	ALTER COLUMN "created_at" SET NOT NULL,
	ADD CONSTRAINT "users_name_length" CHECK (char_length("name") between 1 and 255) NOT VALID,
	ADD CONSTRAINT "users_email_length" CHECK (char_length("email") between 1 and 255) NOT VALID,
	ADD CONSTRAINT "users_email_format" CHECK ("email" ~ '^[^\s@"(),:\u003b<>[\]\\.]+(\.[^\s@"(),:\u003b<>[\]\\.]+)*@[^\s@"(),:\u003b<>[\]\\.]+(\.[^\s@"(),:\u003b<>[\]\\.]+)*$') NOT VALID,
	ADD CONSTRAINT "users_preferences_object" CHECK (jsonb_typeof("preferences") = 'object') NOT VALID;
--> statement-breakpoint
ALTER TABLE "public"."goals"
	ALTER COLUMN "id" SET DEFAULT gen_random_uuid(),
	ALTER COLUMN "status" SET DEFAULT 'active',
	ALTER COLUMN "status" SET NOT NULL,
	ALTER COLUMN "created_at" SET DEFAULT now(),
	ALTER COLUMN "created_at" SET NOT NULL,
	ADD CONSTRAINT "goals_title_length" CHECK (char_length("title") between 1 and 500) NOT VALID;
--> statement-breakpoint
ALTER TABLE "public"."milestones"
	ALTER COLUMN "id" SET DEFAULT gen_random_uuid(),
	ALTER COLUMN "status" SET DEFAULT 'pending',
	ALTER COLUMN "status" SET NOT NULL,
	ALTER COLUMN "created_at" SET DEFAULT now(),
	ALTER COLUMN "created_at" SET NOT NULL,
	ADD CONSTRAINT "milestones_title_length" CHECK (char_length("title") between 1 and 500) NOT VALID,
	ADD CONSTRAINT "milestones_week_number_positive" CHECK ("week_number" >= 1) NOT VALID;
--> statement-breakpoint
ALTER TABLE "public"."tasks"
	ALTER COLUMN "id" SET DEFAULT gen_random_uuid(),
	ALTER COLUMN "state" SET DEFAULT 'scheduled',
	ALTER COLUMN "state" SET NOT NULL,
	ALTER COLUMN "priority" SET DEFAULT 'standard',
	ALTER COLUMN "priority" SET NOT NULL,
	ALTER COLUMN "trigger_type" SET DEFAULT 'time',
	ALTER COLUMN "trigger_type" SET NOT NULL,
	ALTER COLUMN "is_recurring" SET DEFAULT false,
	ALTER COLUMN "is_recurring" SET NOT NULL,
	ALTER COLUMN "created_at" SET DEFAULT now(),
	ALTER COLUMN "created_at" SET NOT NULL,
	ADD CONSTRAINT "tasks_title_length" CHECK (char_length("title") between 1 and 500) NOT VALID,
	ADD CONSTRAINT "tasks_calendar_event_id_length" CHECK (char_length("calendar_event_id") between 1 and 255) NOT VALID,
	ADD CONSTRAINT "tasks_start_time_range" CHECK ("start_time" >= '0001-01-01 00:00:00+00' and "start_time" < '10000-01-01 00:00:00+00') NOT VALID,
	ADD CONSTRAINT "tasks_end_time_range" CHECK ("end_time" >= '0001-01-01 00:00:00+00' and "end_time" < '10000-01-01 00:00:00+00') NOT VALID,
	ADD CONSTRAINT "tasks_end_time_not_before_start_time" CHECK ("end_time" >= "start_time") NOT VALID;
--> statement-breakpoint
ALTER TABLE "public"."conversations"
	ALTER COLUMN "id" SET DEFAULT gen_random_uuid(),
	ALTER COLUMN "messages" SET DEFAULT '[]'::jsonb,
	ALTER COLUMN "messages" SET NOT NULL,
	ALTER COLUMN "status" SET DEFAULT 'open',
	ALTER COLUMN "status" SET NOT NULL,
	ALTER COLUMN "created_at" SET DEFAULT now(),
	ALTER COLUMN "created_at" SET NOT NULL,
	ADD CONSTRAINT "conversations_messages_array" CHECK (jsonb_typeof("messages") = 'array') NOT VALID;
--> statement-breakpoint
ALTER TABLE "public"."demo_flags"
	ALTER COLUMN "escalation_speed" SET DEFAULT 1,
	ALTER COLUMN "escalation_speed" SET NOT NULL,
	ADD CONSTRAINT "demo_flags_virtual_now_range" CHECK ("virtual_now" >= '0001-01-01 00:00:00+00' and "virtual_now" < '10000-01-01 00:00:00+00') NOT VALID,
	ADD CONSTRAINT "demo_flags_escalation_speed_range" CHECK ("escalation_speed" >= 0 and "escalation_speed" < 'Infinity') NOT VALID;
--> statement-breakpoint
-- Rules are validated one by one, so that a row that violates one does not leave the others unvalidated. A violated rule
-- stays NOT VALID: the row is kept as it is, and whatever is written from now on is checked.
DO $validate$
DECLARE
	rule record;
BEGIN
	FOR rule IN
		SELECT format('%I.%I', n.nspname, c.relname) AS "table", k.conname AS "name"
		FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = current_schema() AND NOT k.convalidated AND k.conname IN (
			'users_name_length', 'users_email_length', 'users_email_format', 'users_preferences_object',
			'goals_title_length', 'milestones_title_length', 'milestones_week_number_positive',
			'tasks_title_length', 'tasks_calendar_event_id_length', 'tasks_start_time_range', 'tasks_end_time_range',
			'tasks_end_time_not_before_start_time', 'conversations_messages_array',
			'demo_flags_virtual_now_range', 'demo_flags_escalation_speed_range')
		ORDER BY 1, 2
	LOOP
		BEGIN
			EXECUTE format('ALTER TABLE %s VALIDATE CONSTRAINT %I', rule."table", rule."name");
		EXCEPTION WHEN check_violation THEN
			RAISE NOTICE 'Rows of % violate the rule %, which stays NOT VALID.', rule."table", rule."name";
		END;
	END LOOP;
END
$validate$;
--> statement-breakpoint
CREATE INDEX "conversations_created_at_idx" ON "public"."conversations" USING btree ("created_at","id");--> statement-breakpoint
CREATE INDEX "conversations_user_id_created_at_idx" ON "public"."conversations" USING btree ("user_id","created_at","id");--> statement-breakpoint
CREATE INDEX "conversations_goal_id_idx" ON "public"."conversations" USING btree ("goal_id");--> statement-breakpoint
CREATE INDEX "goals_created_at_idx" ON "public"."goals" USING btree ("created_at","id");--> statement-breakpoint
CREATE INDEX "goals_user_id_created_at_idx" ON "public"."goals" USING btree ("user_id","created_at","id");--> statement-breakpoint
CREATE INDEX "milestones_created_at_idx" ON "public"."milestones" USING btree ("created_at","id");--> statement-breakpoint
CREATE INDEX "milestones_goal_id_idx" ON "public"."milestones" USING btree ("goal_id");--> statement-breakpoint
CREATE INDEX "tasks_created_at_idx" ON "public"."tasks" USING btree ("created_at","id");--> statement-breakpoint
CREATE INDEX "tasks_user_id_created_at_idx" ON "public"."tasks" USING btree ("user_id","created_at","id");--> statement-breakpoint
CREATE INDEX "tasks_user_id_start_time_idx" ON "public"."tasks" USING btree ("user_id","start_time","id");--> statement-breakpoint
CREATE INDEX "tasks_goal_id_idx" ON "public"."tasks" USING btree ("goal_id");--> statement-breakpoint
CREATE INDEX "tasks_milestone_id_idx" ON "public"."tasks" USING btree ("milestone_id") WHERE "milestone_id" is not null;--> statement-breakpoint
CREATE INDEX "tasks_calendar_event_id_idx" ON "public"."tasks" USING btree ("calendar_event_id") WHERE "calendar_event_id" is not null;--> statement-breakpoint
CREATE INDEX "users_created_at_idx" ON "public"."users" USING btree ("created_at","id");

-- What the Python service and its planner write beside ours: conversations without a goal, JSON null, and messages as a
-- JSON string. An adopted database may hold rows that break even the new rules: those stay NOT VALID there, as before.
ALTER TABLE "conversations" DROP CONSTRAINT "conversations_messages_array";--> statement-breakpoint
ALTER TABLE "users" DROP CONSTRAINT "users_preferences_object";--> statement-breakpoint
ALTER TABLE "conversations" ALTER COLUMN "goal_id" DROP NOT NULL;--> statement-breakpoint
ALTER TABLE "conversations" ADD CONSTRAINT "conversations_messages_array" CHECK (jsonb_typeof("conversations"."messages") in ('array', 'string', 'null')) NOT VALID;--> statement-breakpoint
ALTER TABLE "users" ADD CONSTRAINT "users_preferences_object" CHECK (jsonb_typeof("users"."preferences") in ('object', 'null')) NOT VALID;--> statement-breakpoint
DO $validate$
BEGIN
	BEGIN
		ALTER TABLE "conversations" VALIDATE CONSTRAINT "conversations_messages_array";
	EXCEPTION WHEN check_violation THEN
		RAISE NOTICE 'Rows of conversations break the rule conversations_messages_array, which stays NOT VALID.';
	END;
	BEGIN
		ALTER TABLE "users" VALIDATE CONSTRAINT "users_preferences_object";
	EXCEPTION WHEN check_violation THEN
		RAISE NOTICE 'Rows of users break the rule users_preferences_object, which stays NOT VALID.';
	END;
END
$validate$;

CREATE TYPE "public"."task_priority" AS ENUM('standard', 'important', 'must-not-miss');--> statement-breakpoint
CREATE TYPE "public"."task_state" AS ENUM('scheduled', 'drifted', 'completed', 'missed');--> statement-breakpoint
CREATE TYPE "public"."trigger_type" AS ENUM('time', 'on_leaving_home');--> statement-breakpoint
CREATE TABLE "conversations" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"user_id" uuid NOT NULL,
	"goal_id" uuid NOT NULL,
	"messages" jsonb DEFAULT '[]'::jsonb NOT NULL,
	"status" text DEFAULT 'open' NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "conversations_messages_array" CHECK (jsonb_typeof("conversations"."messages") = 'array')
);
--> statement-breakpoint
CREATE TABLE "demo_flags" (
	"user_id" uuid PRIMARY KEY NOT NULL,
	"virtual_now" timestamp with time zone,
	"escalation_speed" double precision DEFAULT 1 NOT NULL,
	CONSTRAINT "demo_flags_virtual_now_range" CHECK ("demo_flags"."virtual_now" >= '0001-01-01 00:00:00+00' and "demo_flags"."virtual_now" < '10000-01-01 00:00:00+00'),
	CONSTRAINT "demo_flags_escalation_speed_range" CHECK ("demo_flags"."escalation_speed" >= 0 and "demo_flags"."escalation_speed" < 'Infinity')
);
--> statement-breakpoint
CREATE TABLE "goals" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"user_id" uuid NOT NULL,
	"title" text NOT NULL,
	"category" text,
	"timeline" text,
	"status" text DEFAULT 'active' NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "goals_title_length" CHECK (char_length("goals"."title") between 1 and 500)
);
--> statement-breakpoint
CREATE TABLE "milestones" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"goal_id" uuid NOT NULL,
	"week_number" integer NOT NULL,
	"title" text NOT NULL,
	"status" text DEFAULT 'pending' NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "milestones_title_length" CHECK (char_length("milestones"."title") between 1 and 500),
	CONSTRAINT "milestones_week_number_positive" CHECK ("milestones"."week_number" >= 1)
);
--> statement-breakpoint
CREATE TABLE "tasks" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"user_id" uuid NOT NULL,
	"goal_id" uuid NOT NULL,
	"milestone_id" uuid,
	"title" text NOT NULL,
	"start_time" timestamp with time zone,
	"end_time" timestamp with time zone,
	"state" "task_state" DEFAULT 'scheduled' NOT NULL,
	"priority" "task_priority" DEFAULT 'standard' NOT NULL,
	"trigger_type" "trigger_type" DEFAULT 'time' NOT NULL,
	"is_recurring" boolean DEFAULT false NOT NULL,
	"calendar_event_id" varchar(255),
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "tasks_title_length" CHECK (char_length("tasks"."title") between 1 and 500),
	CONSTRAINT "tasks_calendar_event_id_length" CHECK (char_length("tasks"."calendar_event_id") between 1 and 255),
	CONSTRAINT "tasks_start_time_range" CHECK ("tasks"."start_time" >= '0001-01-01 00:00:00+00' and "tasks"."start_time" < '10000-01-01 00:00:00+00'),
	CONSTRAINT "tasks_end_time_range" CHECK ("tasks"."end_time" >= '0001-01-01 00:00:00+00' and "tasks"."end_time" < '10000-01-01 00:00:00+00'),
	CONSTRAINT "tasks_end_time_not_before_start_time" CHECK ("tasks"."end_time" >= "tasks"."start_time")
);
--> statement-breakpoint
CREATE TABLE "users" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"name" text NOT NULL,
	"email" text NOT NULL,
	"preferences" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"demo_mode" boolean DEFAULT false NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "users_email_key" UNIQUE("email"),
	CONSTRAINT "users_name_length" CHECK (char_length("users"."name") between 1 and 255),
	CONSTRAINT "users_email_length" CHECK (char_length("users"."email") between 1 and 255),
	CONSTRAINT "users_email_format" CHECK ("users"."email" ~ '^[^\s@"(),:\u003b<>[\]\\.]+(\.[^\s@"(),:\u003b<>[\]\\.]+)*@[^\s@"(),:\u003b<>[\]\\.]+(\.[^\s@"(),:\u003b<>[\]\\.]+)*$'),
	CONSTRAINT "users_preferences_object" CHECK (jsonb_typeof("users"."preferences") = 'object')
);
--> statement-breakpoint
ALTER TABLE "conversations" ADD CONSTRAINT "conversations_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "conversations" ADD CONSTRAINT "conversations_goal_id_fkey" FOREIGN KEY ("goal_id") REFERENCES "public"."goals"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "demo_flags" ADD CONSTRAINT "demo_flags_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "goals" ADD CONSTRAINT "goals_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "milestones" ADD CONSTRAINT "milestones_goal_id_fkey" FOREIGN KEY ("goal_id") REFERENCES "public"."goals"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "tasks" ADD CONSTRAINT "tasks_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "tasks" ADD CONSTRAINT "tasks_goal_id_fkey" FOREIGN KEY ("goal_id") REFERENCES "public"."goals"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "tasks" ADD CONSTRAINT "tasks_milestone_id_fkey" FOREIGN KEY ("milestone_id") REFERENCES "public"."milestones"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "conversations_created_at_idx" ON "conversations" USING btree ("created_at","id");--> statement-breakpoint
CREATE INDEX "conversations_user_id_created_at_idx" ON "conversations" USING btree ("user_id","created_at","id");--> statement-breakpoint
CREATE INDEX "conversations_goal_id_idx" ON "conversations" USING btree ("goal_id");--> statement-breakpoint
CREATE INDEX "goals_created_at_idx" ON "goals" USING btree ("created_at","id");--> statement-breakpoint
CREATE INDEX "goals_user_id_created_at_idx" ON "goals" USING btree ("user_id","created_at","id");--> statement-breakpoint
CREATE INDEX "milestones_created_at_idx" ON "milestones" USING btree ("created_at","id");--> statement-breakpoint
CREATE INDEX "milestones_goal_id_idx" ON "milestones" USING btree ("goal_id");--> statement-breakpoint
CREATE INDEX "tasks_created_at_idx" ON "tasks" USING btree ("created_at","id");--> statement-breakpoint
CREATE INDEX "tasks_user_id_created_at_idx" ON "tasks" USING btree ("user_id","created_at","id");--> statement-breakpoint
CREATE INDEX "tasks_user_id_start_time_idx" ON "tasks" USING btree ("user_id","start_time","id");--> statement-breakpoint
CREATE INDEX "tasks_goal_id_idx" ON "tasks" USING btree ("goal_id");--> statement-breakpoint
CREATE INDEX "tasks_milestone_id_idx" ON "tasks" USING btree ("milestone_id") WHERE "tasks"."milestone_id" is not null;--> statement-breakpoint
CREATE INDEX "tasks_calendar_event_id_idx" ON "tasks" USING btree ("calendar_event_id") WHERE "tasks"."calendar_event_id" is not null;--> statement-breakpoint
CREATE INDEX "users_created_at_idx" ON "users" USING btree ("created_at","id");
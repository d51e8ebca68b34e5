/**
 * The six services, as callers see them, whether the database is in this process or behind HTTP.
 *
 * Glossary. A *user* wishes for a *goal*; a goal is reached by weekly *milestones*; a *task* belongs to a user and a goal
 * and may belong to a milestone. A task that was not done in its time has *drifted*; one that no longer can be done is
 * *missed*. A *conversation* is what was said about a goal. *Demo flags* let time run differently for one user.
 */
import type { ConversationService } from "./conversation.ts";
import type { DemoFlagsService } from "./demo-flags.ts";
import type { GoalService } from "./goal.ts";
import type { MilestoneService } from "./milestone.ts";
import type { TaskService } from "./task.ts";
import type { UserService } from "./user.ts";

export interface DaoServices {
  readonly users: UserService;
  readonly goals: GoalService;
  readonly milestones: MilestoneService;
  readonly tasks: TaskService;
  readonly conversations: ConversationService;
  readonly demoFlags: DemoFlagsService;
}

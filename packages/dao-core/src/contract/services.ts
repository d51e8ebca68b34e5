/**
 * The six services, the same whether the database is in this process or behind HTTP.
 *
 * Glossary: a *user* pursues a *goal*, which is reached through weekly *milestones*. A *task* belongs to a user and a goal,
 * and may belong to a milestone. A task that was not done in its time has *drifted*; one that can no longer be done is
 * *missed*. A *conversation* records what was said about a goal. *Demo flags* change how time passes for one user.
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

import type { DaoServices } from "../contract/services.ts";
import type { DatabaseSession } from "../session/database-session.ts";
import { DaoConversationService } from "./dao-conversation-service.ts";
import { DaoDemoFlagsService } from "./dao-demo-flags-service.ts";
import { DaoGoalService } from "./dao-goal-service.ts";
import { DaoMilestoneService } from "./dao-milestone-service.ts";
import { DaoTaskService } from "./dao-task-service.ts";
import { DaoUserService } from "./dao-user-service.ts";

/** Creates all six services on one session, which is a database or a unit of work. */
export function createDaoServices(session: DatabaseSession): DaoServices {
  return {
    users: new DaoUserService(session),
    goals: new DaoGoalService(session),
    milestones: new DaoMilestoneService(session),
    tasks: new DaoTaskService(session),
    conversations: new DaoConversationService(session),
    demoFlags: new DaoDemoFlagsService(session),
  };
}

import type { Page, PageRequest } from "../../contract/page.ts";
import type { DaoServices } from "../../contract/services.ts";
import { makeConversationData, makeGoalData, makeMilestoneData, makeTaskData, makeUserData } from "../factories.ts";
import type { Owner } from "./sample-rows.ts";

/** What the rows of all lists have in common. */
export interface ListedRow {
  readonly id: string;
  readonly createdAt: Date;
}

/** An entity that can be listed, with a filter that matches only the rows of one case. */
export interface ListedEntity {
  readonly name: string;
  /** Creates a row that {@link ListedEntity.list} returns for the same owner. */
  create(services: DaoServices, owner: Owner): Promise<ListedRow>;
  /** Lists the rows of this owner. */
  list(services: DaoServices, owner: Owner, request: PageRequest): Promise<Page<ListedRow>>;
  /** Lists all rows. */
  listAll(services: DaoServices, request?: PageRequest): Promise<Page<ListedRow>>;
}

/** All but users, whose only filter matches one row at most. */
export const listedEntities: readonly ListedEntity[] = [
  {
    name: "goals",
    create: ({ goals }, { user, goal }) => goals.createGoal(makeGoalData(user.id, { category: goal.id })),
    list: ({ goals }, { goal }, request) => goals.listGoals({ category: goal.id, ...request }),
    listAll: ({ goals }, request) => goals.listGoals(request),
  },
  {
    name: "milestones",
    create: ({ milestones }, { goal }) => milestones.createMilestone(makeMilestoneData(goal.id)),
    list: ({ milestones }, { goal }, request) => milestones.listMilestones({ goalId: goal.id, ...request }),
    listAll: ({ milestones }, request) => milestones.listMilestones(request),
  },
  {
    name: "tasks",
    create: ({ tasks }, { user, goal }) => tasks.createTask(makeTaskData(user.id, goal.id)),
    list: ({ tasks }, { user }, request) => tasks.listTasks({ userId: user.id, ...request }),
    listAll: ({ tasks }, request) => tasks.listTasks(request),
  },
  {
    name: "conversations",
    create: ({ conversations }, { user, goal }) =>
      conversations.createConversation(makeConversationData(user.id, goal.id)),
    list: ({ conversations }, { user }, request) => conversations.listConversations({ userId: user.id, ...request }),
    listAll: ({ conversations }, request) => conversations.listConversations(request),
  },
];

/** Users: a filter for several rows of one case does not exist. */
export const listedUsers: ListedEntity = {
  name: "users",
  create: ({ users }) => users.createUser(makeUserData()),
  list: ({ users }, { user }, request) => users.listUsers({ email: user.email, ...request }),
  listAll: ({ users }, request) => users.listUsers(request),
};

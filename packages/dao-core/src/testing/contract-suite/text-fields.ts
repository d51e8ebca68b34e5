import type { DaoServices } from "../../contract/services.ts";
import {
  makeConversationData,
  makeGoalData,
  makeGoalStructureData,
  makeMilestoneData,
  makeTaskData,
  makeUserData,
} from "../factories.ts";
import type { Owner } from "./sample-rows.ts";

type Stored = Promise<string | null | undefined>;

/** A free-text field, and every way to write it. */
export interface TextField {
  readonly entity: string;
  /** Its path in issues about the input of `create`. */
  readonly path: string;
  /** Its path in issues about the input of `update`. */
  readonly field: string;
  /** The maximum length in code points; absent if there is neither a maximum nor a minimum. */
  readonly max?: number;
  /** Creates a row with `text`; returns the stored text. */
  create(services: DaoServices, owner: Owner, text: string): Stored;
  /** Updates an existing row with `text`; absent if there is no such update. */
  update?(services: DaoServices, owner: Owner, text: string): Stored;
}

const userName: TextField = {
  entity: "user",
  path: "name",
  field: "name",
  max: 255,
  create: async ({ users }, _, name) => (await users.createUser(makeUserData({ name }))).name,
  update: async ({ users }, { user }, name) => (await users.updateUser(user.id, { name })).name,
};

function goalField(field: "title" | "category" | "timeline" | "status", max?: number): TextField {
  return {
    entity: "goal",
    path: field,
    field,
    ...(max !== undefined && { max }),
    create: async ({ goals }, { user }, text) =>
      (await goals.createGoal(makeGoalData(user.id, { [field]: text })))[field],
    update: async ({ goals }, { goal }, text) => (await goals.updateGoal(goal.id, { [field]: text }))[field],
  };
}

function milestoneField(field: "title" | "status", max?: number): TextField {
  return {
    entity: "milestone",
    path: field,
    field,
    ...(max !== undefined && { max }),
    create: async ({ milestones }, { goal }, text) =>
      (await milestones.createMilestone(makeMilestoneData(goal.id, { [field]: text })))[field],
    update: async ({ milestones }, { goal }, text) => {
      const { id } = await milestones.createMilestone(makeMilestoneData(goal.id));
      return (await milestones.updateMilestone(id, { [field]: text }))[field];
    },
  };
}

function taskField(field: "title" | "calendarEventId", max: number): TextField {
  return {
    entity: "task",
    path: field,
    field,
    max,
    create: async ({ tasks }, { user, goal }, text) =>
      (await tasks.createTask(makeTaskData(user.id, goal.id, { [field]: text })))[field],
    update: async ({ tasks }, { user, goal }, text) => {
      const { id } = await tasks.createTask(makeTaskData(user.id, goal.id));
      return (await tasks.updateTask(id, { [field]: text }))[field];
    },
  };
}

/** `calendarEventId`, written by its own operation. */
const calendarEventLink: TextField = {
  entity: "calendar event link",
  path: "calendarEventId",
  field: "calendarEventId",
  max: 255,
  create: async ({ tasks }, { user, goal }, calendarEventId) => {
    const { id } = await tasks.createTask(makeTaskData(user.id, goal.id));
    return (await tasks.linkCalendarEvent(id, { calendarEventId })).calendarEventId;
  },
};

const conversationStatus: TextField = {
  entity: "conversation",
  path: "status",
  field: "status",
  create: async ({ conversations }, { user, goal }, status) =>
    (await conversations.createConversation(makeConversationData(user.id, goal.id, { status }))).status,
  update: async ({ conversations }, { user, goal }, status) => {
    const { id } = await conversations.createConversation(makeConversationData(user.id, goal.id));
    return (await conversations.updateConversation(id, { status })).status;
  },
};

const structure = "goal structure";

const structureFields: readonly TextField[] = [
  {
    entity: structure,
    path: "goal.title",
    field: "title",
    max: 500,
    create: async ({ goals }, { user }, title) =>
      (await goals.createGoalWithStructure(makeGoalStructureData(user.id, { goal: { title } }))).title,
  },
  {
    entity: structure,
    path: "milestones.0.title",
    field: "title",
    max: 500,
    create: async ({ goals }, { user }, title) =>
      (await goals.createGoalWithStructure(makeGoalStructureData(user.id, { milestone: { title } }))).milestones[0]
        ?.title,
  },
  {
    entity: structure,
    path: "milestones.0.status",
    field: "status",
    create: async ({ goals }, { user }, status) =>
      (await goals.createGoalWithStructure(makeGoalStructureData(user.id, { milestone: { status } }))).milestones[0]
        ?.status,
  },
  {
    entity: structure,
    path: "milestones.0.tasks.0.title",
    field: "title",
    max: 500,
    create: async ({ goals }, { user }, title) =>
      (await goals.createGoalWithStructure(makeGoalStructureData(user.id, { task: { title } }))).tasks[0]?.title,
  },
  {
    entity: structure,
    path: "milestones.0.tasks.0.calendarEventId",
    field: "calendarEventId",
    max: 255,
    create: async ({ goals }, { user }, calendarEventId) =>
      (await goals.createGoalWithStructure(makeGoalStructureData(user.id, { task: { calendarEventId } }))).tasks[0]
        ?.calendarEventId,
  },
];

/** Every free-text field except the e-mail address, which has its own rule. */
export const textFields: readonly TextField[] = [
  userName,
  goalField("title", 500),
  goalField("category"),
  goalField("timeline"),
  goalField("status"),
  milestoneField("title", 500),
  milestoneField("status"),
  taskField("title", 500),
  taskField("calendarEventId", 255),
  calendarEventLink,
  conversationStatus,
  ...structureFields,
];

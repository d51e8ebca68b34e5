import type { DaoServices } from "@flux/dao-core/contract";
import * as shapes from "./shape.ts";

/** What each method returns, a stream each of its rows; `undefined` for nothing, which is a 204. */
type ResultTable = {
  readonly [Service in keyof DaoServices]: {
    readonly [Method in keyof DaoServices[Service]]: DaoServices[Service][Method] extends (
      ...args: infer _
    ) => Promise<infer Result> | AsyncIterable<infer Result>
      ? Result extends void
        ? undefined
        : shapes.Shape<Result>
      : never;
  };
};

/** The shape of every result. Apart from the operations, whose types are part of the client's, where nobody should have to read this. */
export const results: ResultTable = {
  users: {
    listUsers: shapes.page(shapes.user),
    getUser: shapes.user,
    createUser: shapes.user,
    updateUser: shapes.user,
    deleteUser: undefined,
  },
  goals: {
    listGoals: shapes.page(shapes.goal),
    getGoal: shapes.goal,
    getGoalFull: shapes.goalWithRelations,
    createGoal: shapes.goal,
    createGoalWithStructure: shapes.goalWithRelations,
    updateGoal: shapes.goal,
    deleteGoal: undefined,
  },
  milestones: {
    listMilestones: shapes.page(shapes.milestone),
    getMilestone: shapes.milestone,
    createMilestone: shapes.milestone,
    updateMilestone: shapes.milestone,
    deleteMilestone: undefined,
  },
  tasks: {
    listTasks: shapes.page(shapes.task),
    getTask: shapes.task,
    createTask: shapes.task,
    createTasks: shapes.taskImport,
    streamTasks: shapes.task,
    updateTasks: shapes.bulkUpdate,
    updateTask: shapes.task,
    deleteTask: undefined,
    getTasksByTimerange: [shapes.task],
    bulkUpdateState: shapes.bulkUpdateState,
    linkCalendarEvent: shapes.task,
    getTaskStatistics: shapes.taskStatistics,
  },
  conversations: {
    listConversations: shapes.page(shapes.conversation),
    getConversation: shapes.conversation,
    createConversation: shapes.conversation,
    updateConversation: shapes.conversation,
    appendMessages: shapes.messagesAppend,
  },
  demoFlags: { getDemoFlags: shapes.demoFlags, putDemoFlags: shapes.demoFlags },
};

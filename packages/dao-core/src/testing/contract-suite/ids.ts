import assert from "node:assert/strict";
import type { DaoServices } from "../../contract/services.ts";
import { makeConversationData, makeGoalData, makeMilestoneData, makeTaskData, makeUserData } from "../factories.ts";
import { assertInvalid, assertNotFound, assertRefused } from "./assert-refused.ts";
import type { ContractCase } from "./contract-case.ts";
import { createFamily, createOwner, type Family, idsOf, unknownId } from "./sample-rows.ts";

const uuidV7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** Ids that no row has; no version of RFC 9562 has most of them either. */
const wellFormedIds: readonly string[] = [
  "00000000-0000-0000-0000-000000000000",
  "ffffffff-ffff-ffff-ffff-ffffffffffff",
  "FFFFFFFF-FFFF-0FFF-0FFF-FFFFFFFFFFFF",
  "12345678-9abc-def0-1234-56789abcdef0",
  "a8098c1a-f86e-11da-bd1a-00112444be1e",
  "6fa459ea-ee8a-3ca4-894e-db77e160355e",
];

const malformedIds: readonly string[] = [
  "1",
  "not-a-uuid",
  "0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6",
  "0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6e0",
  "0198c5f07a3e7cc18f5a2f1d3b4c5d6e",
  "{0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6e}",
  "urn:uuid:0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6e",
  " 0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6e",
  "0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6e\n",
  "0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6g",
  "0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6e/full",
  "../users",
  "?page=1",
  "' OR 1=1 --",
  "%00",
];

/** Every call that names a row by its id. */
function callsById(services: DaoServices): Record<string, (id: string) => Promise<unknown>> {
  const { users, goals, milestones, tasks, conversations, demoFlags } = services;
  return {
    getUser: (id) => users.getUser(id),
    updateUser: (id) => users.updateUser(id, { name: "Other" }),
    "updateUser with no change": (id) => users.updateUser(id, {}),
    deleteUser: (id) => users.deleteUser(id),
    getGoal: (id) => goals.getGoal(id),
    getGoalFull: (id) => goals.getGoalFull(id),
    updateGoal: (id) => goals.updateGoal(id, { title: "Other" }),
    "updateGoal with no change": (id) => goals.updateGoal(id, {}),
    deleteGoal: (id) => goals.deleteGoal(id),
    getMilestone: (id) => milestones.getMilestone(id),
    updateMilestone: (id) => milestones.updateMilestone(id, { title: "Other" }),
    "updateMilestone with no change": (id) => milestones.updateMilestone(id, {}),
    deleteMilestone: (id) => milestones.deleteMilestone(id),
    getTask: (id) => tasks.getTask(id),
    updateTask: (id) => tasks.updateTask(id, { title: "Other" }),
    "updateTask with no change": (id) => tasks.updateTask(id, {}),
    deleteTask: (id) => tasks.deleteTask(id),
    linkCalendarEvent: (id) => tasks.linkCalendarEvent(id, { calendarEventId: "event" }),
    "linkCalendarEvent to unlink": (id) => tasks.linkCalendarEvent(id, { calendarEventId: null }),
    getConversation: (id) => conversations.getConversation(id),
    updateConversation: (id) => conversations.updateConversation(id, { status: "closed" }),
    "updateConversation with no change": (id) => conversations.updateConversation(id, {}),
    getDemoFlags: (id) => demoFlags.getDemoFlags(id),
  };
}

/** The names of {@link callsById}, which need no services to be listed. */
const callNames: readonly string[] = [
  "getUser",
  "updateUser",
  "updateUser with no change",
  "deleteUser",
  "getGoal",
  "getGoalFull",
  "updateGoal",
  "updateGoal with no change",
  "deleteGoal",
  "getMilestone",
  "updateMilestone",
  "updateMilestone with no change",
  "deleteMilestone",
  "getTask",
  "updateTask",
  "updateTask with no change",
  "deleteTask",
  "linkCalendarEvent",
  "linkCalendarEvent to unlink",
  "getConversation",
  "updateConversation",
  "updateConversation with no change",
  "getDemoFlags",
];

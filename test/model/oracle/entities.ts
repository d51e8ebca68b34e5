import type { Kind } from "../known-rows.ts";
import {
  boolean,
  emailAddress,
  instant,
  jsonArray,
  jsonObject,
  oneOf,
  type Rule,
  speed,
  text,
  uuid,
  wholeNumber,
} from "./rules.ts";

/** A field as in contract.md's table of data. */
export interface Field {
  readonly rule: Rule;
  /** Its value if a creation omits it; a field without a default is required. */
  readonly default?: unknown;
  /** Whether it may be null. */
  readonly isNullable?: true;
  /** `preferences` and `messages`: null means empty. */
  readonly nullMeans?: unknown;
  /** The entity that a foreign key refers to. */
  readonly references?: Kind;
  /** The owner of a row: set at its creation and never changed. */
  readonly isFixed?: true;
  readonly isUnique?: true;
}

export interface Entity {
  readonly fields: Readonly<Record<string, Field>>;
  /** The fields that lists can be filtered by one value, several or null, and the rule for each value. Ranges are not modelled. */
  readonly filters: Readonly<Record<string, Rule>>;
}

const owner = (kind: Kind): Field => ({ rule: uuid, references: kind, isFixed: true });
const title: Field = { rule: text(1, 500) };
export const STATES = ["scheduled", "drifted", "completed", "missed"] as const;
const state = oneOf(...STATES);
const priority = oneOf("standard", "important", "must-not-miss");
const triggerType = oneOf("time", "on_leaving_home");
export const calendarEventId = text(1, 255);
const moment: Field = { rule: instant, default: null, isNullable: true };

export const ENTITIES: Readonly<Record<Kind, Entity>> = {
  user: {
    fields: {
      name: { rule: text(1, 255) },
      email: { rule: emailAddress, isUnique: true },
      preferences: { rule: jsonObject, default: {}, nullMeans: {} },
      demoMode: { rule: boolean, default: false },
    },
    filters: { email: text(0, 500) },
  },
  goal: {
    fields: {
      userId: owner("user"),
      title,
      category: { rule: text(), default: null, isNullable: true },
      timeline: { rule: text(), default: null, isNullable: true },
      status: { rule: text(), default: "active" },
    },
    filters: { userId: uuid, status: text(0, 500), category: text(0, 500) },
  },
  milestone: {
    fields: {
      goalId: owner("goal"),
      weekNumber: { rule: wholeNumber(1, 2 ** 31 - 1) },
      title,
      status: { rule: text(), default: "pending" },
    },
    filters: { goalId: uuid, status: text(0, 500) },
  },
  task: {
    fields: {
      userId: owner("user"),
      goalId: owner("goal"),
      milestoneId: { rule: uuid, references: "milestone", default: null, isNullable: true },
      title,
      startTime: moment,
      endTime: moment,
      state: { rule: state, default: "scheduled" },
      priority: { rule: priority, default: "standard" },
      triggerType: { rule: triggerType, default: "time" },
      isRecurring: { rule: boolean, default: false },
      calendarEventId: { rule: calendarEventId, default: null, isNullable: true },
    },
    filters: {
      userId: uuid,
      goalId: uuid,
      milestoneId: uuid,
      state,
      priority,
      triggerType,
      isRecurring: boolean,
      calendarEventId: text(0, 500),
    },
  },
  conversation: {
    fields: {
      userId: owner("user"),
      goalId: { ...owner("goal"), default: null, isNullable: true },
      messages: { rule: jsonArray, default: [], nullMeans: [] },
      status: { rule: text(), default: "open" },
    },
    filters: { userId: uuid, goalId: uuid, status: text(0, 500) },
  },
  demoFlags: {
    fields: {
      userId: owner("user"),
      virtualNow: moment,
      escalationSpeed: { rule: speed, default: 1 },
    },
    filters: {},
  },
};

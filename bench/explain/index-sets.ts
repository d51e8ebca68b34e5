/** A set of secondary indexes of `tasks`, as the column lists and predicates that `create index` takes. */
export interface IndexSet {
  readonly name: string;
  readonly indexes: Readonly<Record<string, string>>;
}

const byAge = "(created_at, id)";
const byUserAndAge = "(user_id, created_at, id)";
const byUserAndStart = "(user_id, start_time, id)";
const linkedEvent = "(calendar_event_id) where calendar_event_id is not null";
const inMilestone = "(milestone_id) where milestone_id is not null";

/** What is weighed against each other. */
export const INDEX_SETS: readonly IndexSet[] = [
  {
    name: "none but the key",
    indexes: {},
  },
  {
    name: "Python service",
    indexes: { user: "(user_id)", goal: "(goal_id)", milestone: "(milestone_id)", event: "(calendar_event_id)" },
  },
  {
    name: "wide",
    indexes: {
      age: byAge,
      user_age: byUserAndAge,
      user_start: byUserAndStart,
      goal: "(goal_id, created_at, id)",
      milestone: "(milestone_id, created_at, id)",
      event: "(calendar_event_id)",
    },
  },
  {
    name: "wide, partial",
    indexes: {
      age: byAge,
      user_age: byUserAndAge,
      user_start: byUserAndStart,
      goal: "(goal_id, created_at, id)",
      milestone: "(milestone_id, created_at, id) where milestone_id is not null",
      event: linkedEvent,
    },
  },
  {
    name: "narrow parents, all rows",
    indexes: {
      age: byAge,
      user_age: byUserAndAge,
      user_start: byUserAndStart,
      goal: "(goal_id)",
      milestone: "(milestone_id)",
      event: "(calendar_event_id)",
    },
  },
  {
    name: "narrow parents",
    indexes: {
      age: byAge,
      user_age: byUserAndAge,
      user_start: byUserAndStart,
      goal: "(goal_id)",
      milestone: inMilestone,
      event: linkedEvent,
    },
  },
  {
    name: "narrow parents, without id",
    indexes: {
      age: byAge,
      user_age: "(user_id, created_at)",
      user_start: "(user_id, start_time)",
      goal: "(goal_id)",
      milestone: inMilestone,
      event: linkedEvent,
    },
  },
  {
    name: "narrow parents, with state",
    indexes: {
      age: byAge,
      user_age: `${byUserAndAge} include (state)`,
      user_start: byUserAndStart,
      goal: "(goal_id)",
      milestone: inMilestone,
      event: linkedEvent,
    },
  },
];

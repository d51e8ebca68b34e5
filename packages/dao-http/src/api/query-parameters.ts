/** How the text of a query parameter is to be read. */
export type ParameterKind = "text" | "number" | "boolean" | "instant";

/** The query parameters of an operation, under the names that the service calls them by. */
export type QueryParameters = Readonly<Record<string, ParameterKind>>;

type KindOf<Value> = Value extends number
  ? "number"
  : Value extends boolean
    ? "boolean"
    : Value extends Date
      ? "instant"
      : "text";

/** The parameters that stand for the request object of a service: all of them, each of the right kind. */
export type QueryParametersFor<Request> = {
  readonly [Name in keyof Request]-?: KindOf<NonNullable<Request[Name]>>;
};

const paging = {
  page: "number",
  pageSize: "number",
  skip: "number",
  limit: "number",
  cursor: "text",
  count: "text",
} as const;

export const userListParameters = { ...paging, email: "text" } as const;

export const goalListParameters = { ...paging, userId: "text", status: "text", category: "text" } as const;

export const milestoneListParameters = { ...paging, goalId: "text", status: "text" } as const;

const taskFilterParameters = {
  userId: "text",
  goalId: "text",
  milestoneId: "text",
  state: "text",
  priority: "text",
  triggerType: "text",
  isRecurring: "boolean",
  calendarEventId: "text",
} as const;

/** `cursors` is HTTP's own: whether lines between the rows say how far they are, and one at the end that it is the end. */
export const taskStreamParameters = { ...taskFilterParameters, cursor: "text", cursors: "boolean" } as const;

export const taskListParameters = { ...paging, ...taskFilterParameters } as const;

export const taskTimerangeParameters = { userId: "text", startTime: "instant", endTime: "instant" } as const;

export const taskStatisticsParameters = { userId: "text", startDate: "instant", endDate: "instant" } as const;

export const conversationListParameters = { ...paging, userId: "text", goalId: "text", status: "text" } as const;

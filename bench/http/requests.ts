import type { Inputs } from "../data/inputs.ts";
import { newStructure } from "../data/structure.ts";
import { nth, type OperationName } from "../operations.ts";

/** A request of the REST API. */
export interface ApiRequest {
  readonly method: "GET" | "POST" | "PATCH";
  readonly path: string;
  readonly body?: unknown;
}

/** How many requests that differ an operation has at most. */
const VARIANTS = 500;

/** The requests of an operation, of which the load takes one after the other. */
export function requestsOf(operation: OperationName, inputs: Inputs): ApiRequest[] {
  const { scratch } = inputs;
  const get = (path: string): ApiRequest => ({ method: "GET", path: `/api/v1${path}` });
  const vary = (request: (call: number) => ApiRequest, variants = VARIANTS) =>
    Array.from({ length: variants }, (_, call) => request(call));
  const structure = (milestones: number, tasks: number): ApiRequest => ({
    method: "POST",
    path: "/api/v1/goals/with-structure",
    body: newStructure(scratch.userId, milestones, tasks, new Date(inputs.begin)),
  });
  switch (operation) {
    case "find":
      return vary((call) => get(`/tasks/${nth(inputs.taskIds, call)}`));
    case "timerange":
      return vary((call) => {
        const { userId, start, end } = nth(inputs.weeks, call);
        return get(`/tasks/by-timerange?user_id=${userId}&start_time=${start}&end_time=${end}`);
      });
    case "statistics":
      return vary((call) => {
        const { userId, start, end } = nth(inputs.months, call);
        return get(`/tasks/statistics?user_id=${userId}&start_date=${start}&end_date=${end}`);
      });
    case "page":
      return [get("/tasks/?page=1&page_size=100")];
    case "full":
      return vary((call) => get(`/goals/${nth(inputs.goalIds, call)}/full`));
    case "create":
      return [{ method: "POST", path: "/api/v1/tasks/", body: newTask(inputs) }];
    case "update":
      return vary((call) => ({
        method: "PATCH",
        path: `/api/v1/tasks/${nth(inputs.taskIds, call)}`,
        body: { title: "Run 6 km", state: nth(["drifted", "completed"], call) },
      }));
    case "bulk":
      return vary(
        (call) => ({
          method: "POST",
          path: "/api/v1/tasks/bulk-update-state",
          body: { task_ids: nth(inputs.bulks, call), new_state: nth(["drifted", "completed"], call) },
        }),
        inputs.bulks.length,
      );
    case "structure8x5":
      return [structure(8, 5)];
    case "structure20x50":
      return [structure(20, 50)];
  }
}

function newTask({ scratch, begin }: Inputs) {
  return {
    user_id: scratch.userId,
    goal_id: scratch.goalId,
    milestone_id: scratch.milestoneId,
    title: "Run 5 km at an easy pace",
    start_time: begin,
    end_time: begin,
    state: "scheduled",
    priority: "standard",
    trigger_type: "time",
    is_recurring: false,
    calendar_event_id: null,
  };
}

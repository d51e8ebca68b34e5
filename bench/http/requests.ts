import type { Inputs } from "../data/inputs.ts";
import { Calls } from "../in-process/calls.ts";
import { toRow } from "../in-process/contenders/handwritten.ts";
import type { OperationName } from "../operations.ts";

/** A request to the REST API. */
export interface ApiRequest {
  readonly method: "GET" | "POST" | "PATCH";
  readonly path: string;
  readonly body?: unknown;
}

/** Maximum number of different requests per operation. */
const VARIANTS = 500;
/** Of those with long bodies, which are sent to the load generator before each stretch. */
const LONG_VARIANTS = 100;

/**
 * The requests of an operation, which the load generator sends in turn. None for long operations, which are transfers.
 *
 * @param cursor the server's own cursor of the last page; without one there are no requests for a page by cursor
 */
export function requestsOf(operation: OperationName, inputs: Inputs, cursor?: string): ApiRequest[] {
  const calls = new Calls(inputs);
  const vary = (request: (call: number) => ApiRequest, variants = VARIANTS) =>
    Array.from({ length: variants }, (_, call) => request(call));
  switch (operation) {
    case "find":
      return vary((call) => get(`/tasks/${calls.taskId(call)}`));
    case "timerange":
      return vary((call) => {
        const { userId, start, end } = calls.week(call);
        const [from, to] = [start.toISOString(), end.toISOString()];
        return get(`/tasks/by-timerange?user_id=${userId}&start_time=${from}&end_time=${to}`);
      });
    case "statistics":
      return vary((call) => {
        const { userId, start, end } = calls.month(call);
        const [from, to] = [start.toISOString(), end.toISOString()];
        return get(`/tasks/statistics?user_id=${userId}&start_date=${from}&end_date=${to}`);
      });
    case "page":
      return [get("/tasks/?page=1&page_size=100")];
    case "pageUncounted":
      return [get("/tasks/?page_size=100&count=none")];
    case "pageDeep":
      return [get(`/tasks/?page=${calls.lastPage}&page_size=100`)];
    case "pageCursor":
      if (cursor === undefined) return [];
      return [get(`/tasks/?page_size=100&count=none&cursor=${encodeURIComponent(cursor)}`)];
    case "full":
      return vary((call) => get(`/goals/${calls.goalId(call)}/full`));
    case "create":
      return [post("/tasks/", toRow(calls.task))];
    case "update":
      return vary((call) => {
        const { id, ...body } = calls.change(call);
        return { method: "PATCH", path: `/api/v1/tasks/${id}`, body };
      });
    case "append":
      return vary((call) =>
        post(`/conversations/${calls.conversationId(call)}/messages`, { messages: calls.messages(call) }),
      );
    case "bulk":
      return vary((call) => {
        const { ids, state } = calls.bulk(call);
        return post("/tasks/bulk-update-state", { task_ids: ids, new_state: state });
      }, LONG_VARIANTS);
    case "updateMany":
      return vary((call) => post("/tasks/bulk-update", { updates: calls.changes(call) }), LONG_VARIANTS);
    case "structure8x5":
      return [post("/goals/with-structure", calls.smallStructure.rows)];
    case "structure20x50":
      return [post("/goals/with-structure", calls.largeStructure.rows)];
    case "import":
    case "export":
      return [];
  }
}

function get(path: string): ApiRequest {
  return { method: "GET", path: `/api/v1${path}` };
}

function post(path: string, body: unknown): ApiRequest {
  return { method: "POST", path: `/api/v1${path}`, body };
}

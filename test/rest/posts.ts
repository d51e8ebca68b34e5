import { expectStatus } from "./answer.ts";
import { createConversation, createOwner, createTask, createUser, uniqueEmail } from "./rows.ts";
import type { Call } from "./server.ts";

/** A request with an effect, and how to count it. */
interface Post {
  readonly path: string;
  readonly body: unknown;
  /** By how much the count grows if it takes effect once. */
  readonly grows: number;
  readonly count: () => Promise<number>;
}

/** A request of every POST operation, a new one each time. */
export function postsOf(call: Call) {
  const times = <Result>(count: number, make: (index: number) => Result) =>
    Array.from({ length: count }, (_, index) => make(index));

  const goalsOf = async (userId: string) =>
    expectStatus(await call<{ total: number }>("GET", `/api/v1/goals/?user_id=${userId}`), 200).total;

  const posts: Readonly<Record<string, () => Promise<Post>>> = {
    createUser: async () => {
      const email = uniqueEmail();
      const count = async () => (await call<{ total: number }>("GET", `/api/v1/users/?email=${email}`)).body.total;
      return { path: "/api/v1/users/", body: { name: "Ada", email }, grows: 1, count };
    },
    createGoal: async () => {
      const { id } = await createUser(call);
      return { path: "/api/v1/goals/", body: { user_id: id, title: "t" }, grows: 1, count: () => goalsOf(id) };
    },
    createGoalWithStructure: async () => {
      const { id } = await createUser(call);
      const milestones = times(3, (week) => ({ week_number: week + 1, title: "m", tasks: [{ title: "t" }] }));
      const body = { goal: { user_id: id, title: "t" }, milestones };
      return { path: "/api/v1/goals/with-structure", body, grows: 1, count: () => goalsOf(id) };
    },
    createMilestone: async () => {
      const { id } = await createOwner(call);
      const count = async () => (await call<{ total: number }>("GET", `/api/v1/milestones/?goal_id=${id}`)).body.total;
      return { path: "/api/v1/milestones/", body: { goal_id: id, week_number: 1, title: "m" }, grows: 1, count };
    },
    createTask: async () => {
      const { id, user_id } = await createOwner(call);
      const count = async () => (await call<{ total: number }>("GET", `/api/v1/tasks/?goal_id=${id}`)).body.total;
      return { path: "/api/v1/tasks/", body: { user_id, goal_id: id, title: "t" }, grows: 1, count };
    },
    createConversation: async () => {
      const { id, user_id } = await createOwner(call);
      const count = async () =>
        (await call<{ total: number }>("GET", `/api/v1/conversations/?goal_id=${id}`)).body.total;
      return { path: "/api/v1/conversations/", body: { user_id, goal_id: id }, grows: 1, count };
    },
    appendMessages: async () => {
      const path = `/api/v1/conversations/${(await createConversation(call, await createOwner(call))).id}`;
      const count = async () => (await call<{ messages: unknown[] }>("GET", path)).body.messages.length;
      return { path: `${path}/messages`, body: { messages: ["é", { b: 1, a: 2 }] }, grows: 2, count };
    },
    batch: async () => {
      const { id } = await createUser(call);
      const operation = { method: "POST", path: "/api/v1/goals/", body: { user_id: id, title: "t" } };
      return {
        path: "/api/v1/batch",
        body: { operations: [operation, operation] },
        grows: 2,
        count: () => goalsOf(id),
      };
    },
    bulkUpdateState: async () => {
      const { id } = await createTask(call, await createOwner(call));
      const state = async () => (await call<{ state: string }>("GET", `/api/v1/tasks/${id}`)).body.state;
      const count = async () => Number((await state()) === "missed");
      const body = { task_ids: [id], new_state: "missed" };
      return { path: "/api/v1/tasks/bulk-update-state", body, grows: 1, count };
    },
  };

  return { goalsOf, posts };
}

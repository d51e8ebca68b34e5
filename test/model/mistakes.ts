import {
  ConflictError,
  type GoalDto,
  isDaoError,
  RelatedRowMissingError,
  type TaskDto,
  ValidationError,
  versionOf,
} from "@flux/dao-core";
import { run } from "./operation.ts";
import type { World } from "./world.ts";

/** Services with a bug: a model test that misses it proves nothing when it passes. */
export interface Mistake {
  readonly name: string;
  readonly make: (services: World["services"]) => Partial<World["services"]>;
}

/** A service with some methods replaced; the others stay bound to it. */
function replacing<Service extends object>(service: Service, methods: Partial<Service>): Service {
  return new Proxy(service, {
    get(target, name) {
      const method: unknown = Reflect.get(methods, name) ?? Reflect.get(target, name);
      return typeof method === "function" ? method.bind(target) : method;
    },
  });
}

/** Visible to a single caller. */
export const alone: readonly Mistake[] = [
  {
    name: "a list's total counts the page alone",
    make: ({ goals }) => ({
      goals: replacing(goals, {
        listGoals: async (request) => {
          const page = await goals.listGoals(request);
          return { ...page, total: page.items.length };
        },
      }),
    }),
  },
  {
    name: "a page begins one row before the end of the previous one",
    make: ({ tasks }) => ({
      tasks: replacing(tasks, {
        listTasks: async (request = {}) => {
          const { page = 1 } = request;
          if (page !== 2) return tasks.listTasks(request);
          const before = await tasks.listTasks({ ...request, page: 1 });
          const answer = await tasks.listTasks(request);
          return { ...answer, items: [...before.items.slice(-1), ...answer.items].slice(0, answer.pageSize) };
        },
      }),
    }),
  },
  {
    name: "a page after a cursor repeats the last row of the previous page",
    make: ({ tasks }) => {
      const lastRows = new Map<string | null | undefined, TaskDto>();
      return {
        tasks: replacing(tasks, {
          listTasks: async (request) => {
            const page = await tasks.listTasks(request);
            const last = page.items.at(-1);
            if (last !== undefined) lastRows.set(page.nextCursor, last);
            const before = lastRows.get(request?.cursor ?? undefined);
            return before === undefined ? page : { ...page, items: [before, ...page.items].slice(0, page.pageSize) };
          },
        }),
      };
    },
  },
  {
    name: "an import writes the tasks before the first invalid one",
    make: ({ tasks }) => ({
      tasks: replacing(tasks, {
        createTasks: async (list) => {
          try {
            return await tasks.createTasks(list);
          } catch (error) {
            const place = error instanceof ValidationError ? error.issues[0]?.path : undefined;
            const before = Array.isArray(list) ? list.slice(0, Number.parseInt(place ?? "0", 10)) : [];
            await tasks.createTasks(before).catch(() => undefined);
            throw error;
          }
        },
      }),
    }),
  },
  {
    name: "what runs in a unit of work when it ends is committed on its own",
    make: (services) => ({
      unitsOfWork: replacing(services.unitsOfWork, {
        abandon: async (_ending, calls) => {
          for (const call of calls) await run(services, call);
          return "nothing";
        },
      }),
    }),
  },
  {
    name: "a range excludes its end",
    make: ({ tasks }) => ({
      tasks: replacing(tasks, {
        getTasksByTimerange: async (request) => {
          const found = await tasks.getTasksByTimerange(request);
          return found.filter(({ startTime }) => startTime?.getTime() !== request.endTime.getTime());
        },
      }),
    }),
  },
  {
    name: "tasks with the same start time come in the wrong order",
    make: ({ goals }) => ({
      goals: replacing(goals, {
        getGoalFull: async (id) => {
          const goal = await goals.getGoalFull(id);
          return { ...goal, tasks: goal.tasks.toReversed().toSorted(byStart) };
        },
      }),
    }),
  },
  {
    name: "a milestone is deleted without its tasks",
    make: ({ milestones, tasks }) => ({
      milestones: replacing(milestones, {
        deleteMilestone: async (id, options) => {
          await milestones.getMilestone(id);
          for (const task of (await tasks.listTasks({ milestoneId: id })).items) {
            await tasks.updateTask(task.id, { milestoneId: null });
          }
          await milestones.deleteMilestone(id, options);
        },
      }),
    }),
  },
  {
    name: "an update treats null as absent",
    make: ({ tasks }) => ({
      tasks: replacing(tasks, {
        updateTask: (id, changes, options) => {
          if (typeof changes !== "object" || changes === null) return tasks.updateTask(id, changes, options);
          const said = Object.entries(changes).filter(([, value]) => value !== null);
          return tasks.updateTask(id, Object.fromEntries(said), options);
        },
      }),
    }),
  },
  {
    name: "a version is not checked",
    make: ({ tasks }) => ({ tasks: replacing(tasks, { updateTask: (id, changes) => tasks.updateTask(id, changes) }) }),
  },
  {
    name: "a list returns a row's JSON in another order, and so another version",
    make: ({ conversations }) => ({
      conversations: replacing(conversations, {
        listConversations: async (request) => {
          const page = await conversations.listConversations(request);
          return { ...page, items: page.items.map(({ status, ...row }) => ({ status, ...row })) };
        },
      }),
    }),
  },
  {
    name: "a missing row is reported for the wrong field",
    make: ({ milestones }) => ({
      milestones: replacing(milestones, {
        createMilestone: async (input, options) => {
          try {
            return await milestones.createMilestone(input, options);
          } catch (error) {
            if (isDaoError(error) && error.code === "related_row_missing") {
              throw new RelatedRowMissingError("milestoneId", input.goalId);
            }
            throw error;
          }
        },
      }),
    }),
  },
  {
    name: "a second delete succeeds",
    make: ({ goals }) => ({
      goals: replacing(goals, {
        deleteGoal: (id, options) => goals.deleteGoal(id, options).catch(unlessNotFound),
      }),
    }),
  },
  {
    name: "a row that was deleted with its owner is still in a cache",
    make: ({ goals }) => {
      const cache = new Map<string, GoalDto>();
      return {
        goals: replacing(goals, {
          getGoal: async (id) => {
            const goal = cache.get(id) ?? (await goals.getGoal(id));
            cache.set(id, goal);
            return goal;
          },
          updateGoal: (id, changes, options) => {
            cache.delete(id);
            return goals.updateGoal(id, changes, options);
          },
          deleteGoal: (id, options) => {
            cache.delete(id);
            return goals.deleteGoal(id, options);
          },
        }),
      };
    },
  },
  {
    name: "e-mail addresses are compared case-insensitively",
    make: ({ users }) => ({
      users: replacing(users, {
        createUser: async (input, options) => {
          const all = (await users.listUsers()).items.map(({ email }) => email.toLowerCase());
          const created = await users.createUser(input, options);
          if (!all.includes(created.email.toLowerCase())) return created;
          await users.deleteUser(created.id);
          throw new ConflictError("taken", { field: "email" });
        },
      }),
    }),
  },
];

/** Invisible to a single caller, visible to concurrent ones. */
export const atOnce: readonly Mistake[] = [
  {
    name: "messages are appended by rewriting the history",
    make: ({ conversations }) => ({
      conversations: replacing(conversations, {
        appendMessages: async (id, input) => {
          const { messages } = await conversations.getConversation(id).catch(() => ({ messages: undefined }));
          const count = Array.isArray(input?.messages) ? input.messages.length : 0;
          // Invalid calls are rejected correctly.
          if (messages === undefined || count === 0 || count > 1_000) return conversations.appendMessages(id, input);
          const all = [...messages, ...input.messages];
          await conversations.updateConversation(id, { messages: all });
          return { messageCount: all.length };
        },
      }),
    }),
  },
  {
    name: "a version is checked before the write, not together with it",
    make: ({ users }) => ({
      users: replacing(users, {
        updateUser: async (id, changes, options) => {
          const asked = [options?.ifVersion ?? "*"].flat();
          if (asked.includes("*")) return users.updateUser(id, changes, options);
          // Invalid calls are rejected correctly: an empty list of versions matches no row.
          const refusal: unknown = await users.updateUser(id, changes, { ifVersion: [] }).catch((error) => error);
          const isMismatch = isDaoError(refusal) && refusal.code === "version_mismatch";
          if (!isMismatch || !asked.includes(versionOf(await users.getUser(id)))) throw refusal;
          return users.updateUser(id, changes);
        },
      }),
    }),
  },
  {
    name: "two deletes of one row succeed",
    make: ({ users, goals, milestones }) => ({
      users: replacing(users, {
        deleteUser: async (id, options) => {
          await users.getUser(id);
          await users.deleteUser(id, options).catch(unlessNotFound);
        },
      }),
      goals: replacing(goals, {
        deleteGoal: async (id, options) => {
          await goals.getGoal(id);
          await goals.deleteGoal(id, options).catch(unlessNotFound);
        },
      }),
      milestones: replacing(milestones, {
        deleteMilestone: async (id, options) => {
          await milestones.getMilestone(id);
          await milestones.deleteMilestone(id, options).catch(unlessNotFound);
        },
      }),
    }),
  },
  {
    name: "a bulk update is executed twice, and overwrites concurrent changes",
    make: ({ tasks }) => ({
      tasks: replacing(tasks, {
        updateTasks: async (request) => {
          await tasks.updateTasks(request);
          return tasks.updateTasks(request);
        },
      }),
    }),
  },
  {
    name: "a bulk update becomes visible in two halves",
    make: ({ tasks }) => ({
      tasks: replacing(tasks, {
        bulkUpdateState: async (request) => {
          const given: unknown = request?.taskIds;
          const isRight = Array.isArray(given) && given.every((id) => /^[\da-f-]{36}$/i.test(String(id)));
          if (!isRight || given.length < 2 || given.length > 1_000) return tasks.bulkUpdateState(request);
          const [first = "", ...others] = new Set(request.taskIds.map((id) => id.toLowerCase()));
          const { updatedCount } = await tasks.bulkUpdateState({ ...request, taskIds: [first] });
          if (others.length === 0) return { updatedCount };
          const rest = await tasks.bulkUpdateState({ ...request, taskIds: others });
          return { updatedCount: updatedCount + rest.updatedCount };
        },
      }),
    }),
  },
];

function unlessNotFound(error: unknown): void {
  if (!isDaoError(error) || error.code !== "not_found") throw error;
}

function byStart(a: TaskDto, b: TaskDto): number {
  return (a.startTime?.getTime() ?? Number.MAX_VALUE) - (b.startTime?.getTime() ?? Number.MAX_VALUE);
}

import assert from "node:assert/strict";
import type { DaoServices } from "../../contract/services.ts";
import type { TaskDto, TaskStreamRequest } from "../../contract/task.ts";
import { makeTaskData } from "../factories.ts";
import { assertInvalid, assertRejectsWith } from "./assert-refused.ts";
import type { ContractCase } from "./contract-case.ts";
import { createOwner, idsOf, times } from "./sample-rows.ts";
import { untyped } from "./untyped.ts";

/** More tasks than one page. */
const MANY = 1_234;

async function streamed(services: DaoServices, request?: TaskStreamRequest): Promise<TaskDto[]> {
  const rows: TaskDto[] = [];
  for await (const task of services.tasks.streamTasks(request)) rows.push(task);
  return rows;
}

/** Streaming any number of tasks. */
export const taskStreamCases: readonly ContractCase[] = [
  {
    name: "streamTasks returns every task of a filter once, newest first, as the list does",
    async run(services) {
      const { tasks } = services;
      const { user, goal } = await createOwner(services);
      assert.deepEqual(await streamed(services, { userId: user.id }), []);
      await tasks.createTasks(times(MANY, () => makeTaskData(user.id, goal.id)));
      const missed = await tasks.createTask(makeTaskData(user.id, goal.id, { state: "missed" }));
      const rows = await streamed(services, { userId: user.id });
      assert.equal(new Set(idsOf(rows)).size, MANY + 1);
      const { total } = await tasks.listTasks({ goalId: goal.id, count: "estimated" });
      assert.ok(total !== null && total > 1_000, "of more than are counted there is an estimate");
      assert.deepEqual(rows.slice(0, 100), (await tasks.listTasks({ userId: user.id })).items);
      assert.deepEqual(rows.slice(-45), (await tasks.listTasks({ userId: user.id, skip: 1190 })).items);
      assert.deepEqual(await streamed(services, { goalId: goal.id, state: "missed" }), [missed]);
    },
  },
  {
    name: "a stream reports its cursors, and another stream resumes after any of them",
    async run(services) {
      const { tasks } = services;
      const { user, goal } = await createOwner(services);
      await tasks.createTasks(times(MANY, () => makeTaskData(user.id, goal.id)));
      const filter = { userId: user.id };
      const ids: string[] = [];
      const places = new Map<string, number>();
      const onCursor = (cursor: string) => places.set(cursor, ids.length);
      for await (const { id } of tasks.streamTasks(filter, { onCursor })) ids.push(id);
      assert.ok(places.size > 0, "of more tasks than are read at a time there is a cursor");
      for (const [cursor, place] of places) {
        assert.deepEqual(idsOf(await streamed(services, { ...filter, cursor })), ids.slice(place));
      }
      const { nextCursor } = await tasks.listTasks({ ...filter, pageSize: 3 });
      const cursor = nextCursor ?? assert.fail("A page that is not the last has a cursor.");
      assert.deepEqual(idsOf(await streamed(services, { ...filter, cursor })), ids.slice(3));
    },
  },
  {
    name: "a loop over streamTasks may be left, and may write what it reads",
    async run(services) {
      const { tasks } = services;
      const { user, goal } = await createOwner(services);
      await tasks.createTasks(times(MANY, () => makeTaskData(user.id, goal.id)));
      let read = 0;
      for await (const { id } of tasks.streamTasks({ userId: user.id })) {
        await tasks.updateTask(id, { state: "completed" });
        if (++read === 3) break;
      }
      assert.equal((await tasks.listTasks({ userId: user.id, state: "completed" })).total, 3);
      const failure = new Error("The loop's own.");
      const failing = async () => {
        for await (const _ of tasks.streamTasks({ userId: user.id })) throw failure;
      };
      await assertRejectsWith(failing(), failure);
    },
  },
  {
    name: "streamTasks refuses filters that a list does, and paging",
    async run(services) {
      const refused: readonly (readonly [object, string])[] = [
        [{ userId: "me" }, "userId"],
        [{ state: "done" }, "state"],
        [{ colour: "red" }, "colour"],
        [{ page: 1 }, "page"],
        [{ cursor: "c" }, "cursor"],
      ];
      for (const [filter, path] of refused) await assertInvalid(streamed(services, untyped({}, filter)), path);
    },
  },
];

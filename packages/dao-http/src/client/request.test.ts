import { type DaoServices, ValidationError } from "@flux/dao-core/contract";
import { describe, expect, test } from "vitest";
import { connectedClient, rejection } from "../testing/connected-client.ts";

const id = "0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6e";

describe("options of a call", () => {
  const version = "abcdefghijklmnopqrstuv";

  test.each<[string | readonly string[], string]>([
    [version, `"${version}"`],
    [[version, "other"], `"${version}", "other"`],
    ["*", "*"],
    [["a", "*"], "*"],
    [[], '""'],
    [["", 'quote"', "spa ce", "ä", "line\n"], '""'],
    [["spa ce", "b"], '"b"'],
  ])("ifVersion %j is If-Match: %s", async (ifVersion, header) => {
    const { client, headers } = connectedClient();
    await client.users.updateUser(id, { name: "Ada" }, { ifVersion });
    await client.users.deleteUser(id, { ifVersion });
    await client.demoFlags.putDemoFlags(id, {}, { ifVersion });
    await client.tasks.linkCalendarEvent(id, { calendarEventId: null }, { ifVersion });
    expect(headers.map((sent) => sent.get("if-match"))).toEqual([header, header, header, header]);
  });

  test("ifVersion reaches the service unchanged", async () => {
    const { client, calls } = connectedClient();
    for (const ifVersion of [version, [version, "other"], "*", []]) {
      await client.goals.deleteGoal(id, { ifVersion });
    }
    const versions = [[version], [version, "other"], "*", [""]];
    expect(calls.map(({ args }) => args)).toEqual(versions.map((ifVersion) => [id, { ifVersion }]));
  });

  test("no precondition and no key is sent unless given", async () => {
    const { client, headers } = connectedClient();
    await client.users.updateUser(id, { name: "Ada" }, { ifVersion: undefined });
    await client.users.createUser({ name: "Ada", email: "a@b" }, { idempotencyKey: undefined });
    for (const sent of headers) {
      expect([sent.get("if-match"), sent.get("idempotency-key")]).toEqual([null, null]);
    }
  });

  test.each([
    ["invoice-2026-02", '"invoice-2026-02"'],
    ['a"b\\c', '"a\\"b\\\\c"'],
  ])("the idempotency key %s is sent as a string of structured fields", async (idempotencyKey, header) => {
    // These services have no database to record it in.
    const { client, headers } = connectedClient();
    const options = { idempotencyKey };
    const goal = { userId: id, title: "t" };
    for (const call of [
      client.goals.createGoal(goal, options),
      client.goals.createGoalWithStructure({ goal, milestones: [] }, options),
      client.tasks.bulkUpdateState({ taskIds: [id], newState: "missed" }, options),
      client.conversations.appendMessages(id, { messages: ["a"] }, options),
    ]) {
      expect(await rejection(call)).toMatchObject({ issues: [{ path: "Idempotency-Key" }] });
    }
    expect(headers.map((sent) => sent.get("idempotency-key"))).toEqual([header, header, header, header]);
  });

  test.each(["", " ", "a b", "ä", "line\n", "x".repeat(256)])("the idempotency key %j is rejected", async (key) => {
    const { client, sent } = connectedClient();
    const error = await rejection(client.users.createUser({ name: "Ada", email: "a@b" }, { idempotencyKey: key }));
    expect(error).toBeInstanceOf(ValidationError);
    expect(error).toMatchObject({ issues: [{ path: "idempotencyKey" }] });
    expect(sent).toEqual([]);
  });

  test.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2_147_483_648])(
    "a time-out of %d ms is rejected",
    async (timeout) => {
      const { client, sent } = connectedClient();
      const error = await rejection(client.users.getUser(id, { timeout }));
      expect(error).toBeInstanceOf(ValidationError);
      expect(error).toMatchObject({ issues: [{ path: "timeout" }] });
      expect(sent).toEqual([]);
    },
  );

  test("an idempotency key is rejected by an import, as the service would", async () => {
    const { client, sent } = connectedClient();
    const keyed: object = { idempotencyKey: "import-2026-02" };
    const error = await rejection(client.tasks.createTasks([{ userId: id, goalId: id, title: "t" }], keyed));
    expect(error).toMatchObject({ code: "validation_failed", issues: [{ path: "idempotencyKey" }] });
    expect(sent).toEqual([]);
  });

  test("a client-supplied id is rejected, and nothing is sent", async () => {
    const { client, sent } = connectedClient();
    const services: DaoServices = client;
    const error = await rejection(services.users.createUser({ name: "Ada", email: "a@b" }, { id }));
    expect(error).toBeInstanceOf(ValidationError);
    expect(error).toMatchObject({ issues: [{ path: "id", message: expect.stringContaining("idempotencyKey") }] });
    expect(sent).toEqual([]);
  });
});

import { describe, expect, test } from "vitest";
import { expectInvalid, expectProblem, expectStatus } from "./answer.ts";
import { createUser, type DemoFlagsRow, unknownId } from "./rows.ts";
import { useRestServer } from "./server.ts";

const { call } = useRestServer();

describe("guide, Demo Flag Endpoints; REST: PUT creates or replaces, 200", () => {
  test("PUT creates with 200 and the whole row, and GET returns the same", async () => {
    const user = await createUser(call);
    const path = `/api/v1/demo-flags/${user.id}`;
    const body = { virtual_now: "2026-03-01T08:00:00.250Z", escalation_speed: 2.5 };
    const flags = expectStatus(await call<DemoFlagsRow>("PUT", path, { body }), 200);
    expect(flags).toStrictEqual({ user_id: user.id, ...body });
    expect(expectStatus(await call("GET", path), 200)).toStrictEqual(flags);
  });

  test("omitted fields get the contract's defaults, even if they had another value", async () => {
    const user = await createUser(call);
    const path = `/api/v1/demo-flags/${user.id}`;
    const defaults = { user_id: user.id, virtual_now: null, escalation_speed: 1 };
    expect(expectStatus(await call("PUT", path, { body: {} }), 200)).toStrictEqual(defaults);
    const body = { virtual_now: "2026-03-01T08:00:00.000Z", escalation_speed: 0 };
    expect(expectStatus(await call("PUT", path, { body }), 200)).toStrictEqual({ user_id: user.id, ...body });
    const speed = { escalation_speed: 60 };
    expect(expectStatus(await call("PUT", path, { body: speed }), 200)).toStrictEqual({ ...defaults, ...speed });
    expect(expectStatus(await call("PUT", path, { body: {} }), 200)).toStrictEqual(defaults);
    expect(expectStatus(await call("GET", path), 200)).toStrictEqual(defaults);
  });

  test("a user_id in the body may match the path, in upper or lower case", async () => {
    const user = await createUser(call);
    for (const user_id of [user.id, user.id.toUpperCase()]) {
      const flags = await call("PUT", `/api/v1/demo-flags/${user.id}`, { body: { user_id } });
      expect(expectStatus(flags, 200)).toMatchObject({ user_id: user.id });
    }
  });

  test("a user_id in the body that does not match the path is 400, and changes nothing", async () => {
    const user = await createUser(call);
    const other = await createUser(call);
    const path = `/api/v1/demo-flags/${user.id}`;
    expectInvalid(await call("PUT", path, { body: { user_id: other.id } }), "user_id");
    expectProblem(await call("GET", path), 404);
    expectProblem(await call("GET", `/api/v1/demo-flags/${other.id}`), 404);
  });

  test("GET without demo flags is 404, whether the user exists or not", async () => {
    const user = await createUser(call);
    expect(expectProblem(await call("GET", `/api/v1/demo-flags/${user.id}`), 404).detail).toContain(user.id);
    expectProblem(await call("GET", `/api/v1/demo-flags/${unknownId()}`), 404);
  });

  test("PUT for a user that does not exist is 422, with field and id", async () => {
    const id = unknownId();
    const { detail } = expectProblem(await call("PUT", `/api/v1/demo-flags/${id}`, { body: {} }), 422);
    expect(detail).toContain("user_id");
    expect(detail).toContain(id);
  });

  test.each([-1, -0.001, "1", true, null, [], {}])("escalation_speed %j is 400", async (escalation_speed) => {
    const user = await createUser(call);
    const answer = await call("PUT", `/api/v1/demo-flags/${user.id}`, { body: { escalation_speed } });
    expectInvalid(answer, "escalation_speed");
  });

  test.each([0, 0.1, 1e-300, 1e300, 5e-324, 1.7976931348623157e308])(
    "escalation_speed %d is stored unchanged",
    async (escalation_speed) => {
      const user = await createUser(call);
      const path = `/api/v1/demo-flags/${user.id}`;
      expectStatus(await call("PUT", path, { body: { escalation_speed } }), 200);
      expect(expectStatus(await call("GET", path), 200)).toMatchObject({ escalation_speed });
    },
  );

  test("a bad UUID is 400", async () => {
    expectInvalid(await call("GET", "/api/v1/demo-flags/1"), "user_id");
    expectInvalid(await call("PUT", "/api/v1/demo-flags/1", { body: {} }), "user_id");
  });
});

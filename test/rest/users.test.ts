import { describe, expect, test } from "vitest";
import { expectInvalid, expectProblem, expectStatus } from "./answer.ts";
import { createUser, type PageOf, type UserRow, uniqueEmail, unknownId } from "./rows.ts";
import { INSTANT, UUID, useRestServer } from "./server.ts";

const { call } = useRestServer();

describe("guide, User Endpoints", () => {
  test("POST /api/v1/users/ returns 201 with the whole row and its Location", async () => {
    const body = {
      name: "Jane Doe",
      email: uniqueEmail(),
      preferences: { timezone: "America/New_York" },
      demo_mode: true,
    };
    const answer = await call<UserRow>("POST", "/api/v1/users/", { body });
    const user = expectStatus(answer, 201);
    expect(user).toStrictEqual({ id: user.id, ...body, created_at: user.created_at });
    expect(user.id).toMatch(UUID);
    expect(user.created_at).toMatch(INSTANT);
    expect(answer.headers.get("content-type")).toMatch(/^application\/json\b/);
    expect(answer.headers.get("location")).toBe(`/api/v1/users/${user.id}`);
  });

  test("omitted fields get the contract's defaults", async () => {
    const user = await createUser(call, { name: "Jane Doe" });
    expect(user).toMatchObject({ preferences: {}, demo_mode: false });
  });

  test("`preferences: null` means empty, as the Python service's callers send it", async () => {
    expect((await createUser(call, { preferences: null })).preferences).toStrictEqual({});
  });

  test("GET /api/v1/users/{user_id} returns 200 with what the creation returned", async () => {
    const user = await createUser(call, { preferences: { a: [1, { b: null }] } });
    const answer = await call<UserRow>("GET", `/api/v1/users/${user.id}`);
    expect(expectStatus(answer, 200)).toStrictEqual(user);
    expect(answer.headers.get("content-type")).toMatch(/^application\/json\b/);
  });

  test("GET /api/v1/users/ returns 200 with a page, exactly as in the guide", async () => {
    const user = await createUser(call);
    const page = expectStatus(await call<PageOf<UserRow>>("GET", `/api/v1/users/?email=${user.email}`), 200);
    expect(page).toStrictEqual({
      items: [user],
      total: 1,
      page: 1,
      page_size: 100,
      has_next: false,
      has_prev: false,
      next_cursor: null,
    });
  });

  test("PATCH /api/v1/users/{user_id} returns 200 with the updated row", async () => {
    const user = await createUser(call);
    const changes = { name: "Ada", email: uniqueEmail(), preferences: { theme: "dark" }, demo_mode: true };
    const updated = expectStatus(await call<UserRow>("PATCH", `/api/v1/users/${user.id}`, { body: changes }), 200);
    expect(updated).toStrictEqual({ ...user, ...changes });
    expect(expectStatus(await call("GET", `/api/v1/users/${user.id}`), 200)).toStrictEqual(updated);
  });

  test("DELETE /api/v1/users/{user_id} returns 204, and 404 afterwards", async () => {
    const user = await createUser(call);
    expectStatus(await call("DELETE", `/api/v1/users/${user.id}`), 204);
    expectProblem(await call("GET", `/api/v1/users/${user.id}`), 404);
    expectProblem(await call("DELETE", `/api/v1/users/${user.id}`), 404);
  });
});

describe("Errors, for users", () => {
  test("404: no such row, and the response names the id", async () => {
    const id = unknownId();
    for (const method of ["GET", "PATCH", "DELETE"]) {
      const parts = method === "PATCH" ? { body: { name: "Ada" } } : {};
      expect(expectProblem(await call(method, `/api/v1/users/${id}`, parts), 404).detail).toContain(id);
    }
  });

  test("409: a duplicate e-mail by POST, a 500 in the Python service; the address is not shown", async () => {
    const { email } = await createUser(call);
    const answer = await call("POST", "/api/v1/users/", { body: { name: "Other", email } });
    expect(expectProblem(answer, 409).detail).toMatch(/email/);
    expect(answer.text).not.toContain(email);
    expect(answer.headers.get("location")).toBeNull();
  });

  test("409: a duplicate e-mail by PATCH, which changes nothing", async () => {
    const taken = await createUser(call);
    const user = await createUser(call);
    const body = { name: "Changed", email: taken.email };
    const answer = await call("PATCH", `/api/v1/users/${user.id}`, { body });
    expect(expectProblem(answer, 409).detail).toMatch(/email/);
    expect(answer.text).not.toContain(taken.email);
    expect(expectStatus(await call("GET", `/api/v1/users/${user.id}`), 200)).toStrictEqual(user);
  });

  test("a user's own e-mail is not a conflict", async () => {
    const user = await createUser(call);
    const body = { email: user.email };
    expect(expectStatus(await call("PATCH", `/api/v1/users/${user.id}`, { body }), 200)).toStrictEqual(user);
  });

  test("an address can be used again once its user is deleted", async () => {
    const user = await createUser(call);
    expectStatus(await call("DELETE", `/api/v1/users/${user.id}`), 204);
    expect((await createUser(call, { email: user.email })).id).not.toBe(user.id);
  });

  test("400: all missing fields are named", async () => {
    expectInvalid(await call("POST", "/api/v1/users/", { body: {} }), "name", "email");
    expectInvalid(await call("POST", "/api/v1/users/", { body: { name: "Jane" } }), "email");
    expectInvalid(await call("POST", "/api/v1/users/", { body: { name: null, email: null } }), "name", "email");
  });

  test("400: a bad UUID", async () => {
    for (const id of ["1", "undefined", `${unknownId()}0`, unknownId().replaceAll("-", ""), `{${unknownId()}}`]) {
      const problem = expectProblem(await call("GET", `/api/v1/users/${encodeURIComponent(id)}`), 400);
      expect(problem.errors?.[0]?.path).toBe("user_id");
    }
  });
});

describe("Data: ids", () => {
  test("are UUIDv7, in lower case", async () => {
    expect((await createUser(call)).id).toMatch(
      /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
  });

  test("are accepted in upper and lower case, whatever the version bits", async () => {
    const user = await createUser(call);
    expect(expectStatus(await call("GET", `/api/v1/users/${user.id.toUpperCase()}`), 200)).toStrictEqual(user);
    for (const id of [
      "00000000-0000-0000-0000-000000000000",
      "ffffffff-ffff-ffff-ffff-ffffffffffff",
      "12345678-1234-0234-0234-123456789abc",
    ]) {
      expectProblem(await call("GET", `/api/v1/users/${id}`), 404);
    }
  });

  test("in the body of a new row are ignored, like unknown fields", async () => {
    const id = unknownId();
    const user = await createUser(call, { id, created_at: "2001-01-01T00:00:00Z" });
    expect(user.id).not.toBe(id);
    expect(Date.parse(user.created_at)).toBeGreaterThan(Date.parse("2001-01-02T00:00:00Z"));
  });
});

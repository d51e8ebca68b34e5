import { AsyncLocalStorage } from "node:async_hooks";
import { createDaoServices, DaoUnitOfWork } from "@flux/dao-core";
import { createTestDatabase, makeUserData, type TestDatabase } from "@flux/dao-core/testing";
import { createDaoApp } from "@flux/dao-http";
import { createLogger } from "@flux/dao-http/server";
import { afterAll, afterEach, beforeAll, expect, inject, test, vi } from "vitest";

/*
 * On Node 20 and 22 an AsyncLocalStorage that is enabled slows down all promises of the process. In a process of its own, since
 * a callback of another test that never settles would keep it enabled.
 */

let testDatabase: TestDatabase;
beforeAll(async () => {
  testDatabase = await createTestDatabase({ serverUrl: inject("adminUrl"), poolSize: 4 });
});
afterEach(() => vi.restoreAllMocks());
afterAll(() => testDatabase.drop());

test("it is enabled only while a callback of the application runs", async () => {
  const { database } = testDatabase;
  const run = vi.spyOn(AsyncLocalStorage.prototype, "run");
  const disable = vi.spyOn(AsyncLocalStorage.prototype, "disable");
  const { users, batch } = createDaoServices(database);
  const user = await users.createUser(makeUserData());
  await users.updateUser(user.id, { name: "Ada" }, { ifVersion: "*" });
  await batch([
    ["users.updateUser", user.id, { name: "Ada" }],
    ["users.getUser", user.id],
  ]);
  expect(run).not.toHaveBeenCalled();
  let end = () => {};
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const longer = DaoUnitOfWork.run(database, () => ended);
  await DaoUnitOfWork.run(database, (uow) => uow.users.findById(user.id));
  expect(disable).not.toHaveBeenCalled();
  end();
  await longer;
  await expect(DaoUnitOfWork.run(database, () => Promise.reject(new Error("enough")))).rejects.toThrow("enough");
  expect(disable.mock.contexts).toEqual([run.mock.contexts[0], run.mock.contexts[0]]);
});

test("no request but an import enables it", async () => {
  const keys = [{ name: "own", key: "own-key-1" }];
  const app = createDaoApp({ services: testDatabase.database, keys, logger: createLogger({ level: "silent" }) });
  const run = vi.spyOn(AsyncLocalStorage.prototype, "run");
  const disable = vi.spyOn(AsyncLocalStorage.prototype, "disable");
  const send = async (method: string, path: string, body?: string, headers: Record<string, string> = {}) => {
    const always = { "X-Flux-Service-Key": "own-key-1", "Content-Type": "application/json" };
    const init = { method, headers: { ...always, ...headers }, ...(body !== undefined && { body }) };
    const response = await app.fetch(new Request(`https://api.example.com${path}`, init));
    return { status: response.status, body: await response.text() };
  };
  const created = await send("POST", "/api/v1/users/", JSON.stringify(makeUserData()), { "Idempotency-Key": "once" });
  expect(created.status).toBe(201);
  const path = `/api/v1/users/${JSON.parse(created.body).id}`;
  const change = '{"name": "Ada"}';
  expect((await send("PATCH", path, change)).status).toBe(200);
  expect((await send("PATCH", path, change, { "If-Match": "*" })).status).toBe(200);
  const operations = [
    { method: "PATCH", path, body: { name: "Grace" } },
    { method: "GET", path },
  ];
  expect((await send("POST", "/api/v1/batch", JSON.stringify({ operations }))).status).toBe(200);
  expect((await send("DELETE", path)).status).toBe(204);
  expect(run).not.toHaveBeenCalled();
  const lines = await send("POST", "/api/v1/tasks/import", "", { "Content-Type": "application/x-ndjson" });
  expect(lines.status).toBe(201);
  expect(run).toHaveBeenCalledOnce();
  expect(disable).toHaveBeenCalledOnce();
});

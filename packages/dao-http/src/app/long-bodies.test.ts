import { expect, test } from "vitest";
import { id, testApp } from "../testing/test-app.ts";
import { LONG_BODIES, LONG_BODY } from "../wire/limits.ts";

const body = JSON.stringify({ name: "Jane", preferences: { text: "x".repeat(LONG_BODY) } });

test("long bodies wait for each other as they are; short ones do not wait for them", async () => {
  const held: (() => void)[] = [];
  const { call, calls } = testApp(({ method }) =>
    method === "createUser" ? new Promise<void>((resolve) => held.push(() => resolve())) : { id },
  );
  const long = Array.from({ length: LONG_BODIES + 2 }, () => call("POST", "/api/v1/users/", { body }));
  await expect.poll(() => held.length).toBe(LONG_BODIES);
  await call("PATCH", `/api/v1/users/${id}`, { body: "{}" });
  expect(calls.filter(({ method }) => method === "createUser")).toHaveLength(LONG_BODIES);
  held.shift()?.();
  await long[0];
  await expect.poll(() => held.length).toBe(LONG_BODIES);
  for (const end of held.splice(0)) end();
  await expect.poll(() => held.length).toBe(1);
  held.pop()?.();
  await Promise.all(long);
});

test("as many long bodies wait as requests may", async () => {
  let end = () => {};
  const held = new Promise<void>((resolve) => {
    end = resolve;
  });
  const { call } = testApp(() => held, { maxWaitingRequests: 1 });
  const statuses: number[] = [];
  const all = Array.from({ length: LONG_BODIES + 2 }, async () => {
    statuses.push((await call("POST", "/api/v1/users/", { body })).status);
  });
  await expect.poll(() => statuses).toEqual([503]);
  end();
  await Promise.all(all);
  expect(statuses).toEqual([503, ...Array(LONG_BODIES + 1).fill(201)]);
});

import { createDaoServices, versionOf } from "@flux/dao-core";
import { createDaoClient } from "@flux/dao-http/client";
import { describe, expect, test } from "vitest";
import { type Answer, expectInvalid, expectProblem, expectStatus } from "./answer.ts";
import {
  createConversation,
  createMilestone,
  createOwner,
  createTask,
  createUser,
  type UserRow,
  uniqueEmail,
  unknownId,
} from "./rows.ts";
import { KEYS, useRestServer } from "./server.ts";

const server = useRestServer();
const { call } = server;

const ETAG = /^"[0-9a-f]{32}"$/;
const STALE = '"aaaaaaaaaaaaaaaaaaaaaa"';

const etagOf = ({ headers }: Answer): string => {
  const etag = headers.get("etag") ?? "";
  expect(etag).toMatch(ETAG);
  return etag;
};

/** A row of each entity: its path, a change to it, and the same change made past the service. */
async function rows() {
  const goal = await createOwner(call);
  const { user_id } = goal;
  await call("PUT", `/api/v1/demo-flags/${user_id}`, { body: {} });
  return {
    user: { path: `/api/v1/users/${user_id}`, method: "PATCH", body: { name: "Other" } },
    goal: { path: `/api/v1/goals/${goal.id}`, method: "PATCH", body: { title: "Other" } },
    milestone: {
      path: `/api/v1/milestones/${(await createMilestone(call, goal)).id}`,
      method: "PATCH",
      body: { title: "Other" },
    },
    task: { path: `/api/v1/tasks/${(await createTask(call, goal)).id}`, method: "PATCH", body: { title: "Other" } },
    conversation: {
      path: `/api/v1/conversations/${(await createConversation(call, goal)).id}`,
      method: "PATCH",
      body: { status: "closed" },
    },
    demoFlags: { path: `/api/v1/demo-flags/${user_id}`, method: "PUT", body: { escalation_speed: 7 } },
  };
}

const ENTITIES = ["user", "goal", "milestone", "task", "conversation", "demoFlags"] as const;

describe("the response of a row has its ETag", () => {
  test.each(ENTITIES)("%s: the same until the row changes, and then another one", async (entity) => {
    const { path, method, body } = (await rows())[entity];
    const before = etagOf(await call("GET", path));
    expect(etagOf(await call("GET", `${path}/`))).toBe(before);
    expect(etagOf(await call("HEAD", path))).toBe(before);
    const changed = etagOf(await call(method, path, { body }));
    expect(changed).not.toBe(before);
    expect(etagOf(await call("GET", path))).toBe(changed);
    expect(etagOf(await call(method, path, { body }))).toBe(changed);
  });

  test("a created row has it, and so does a linked task", async () => {
    const goal = await createOwner(call);
    const created = await call<UserRow>("POST", "/api/v1/users/", { body: { name: "a", email: uniqueEmail() } });
    expect(etagOf(await call("GET", `/api/v1/users/${created.body.id}`))).toBe(etagOf(created));
    const path = `/api/v1/tasks/${(await createTask(call, goal)).id}`;
    const link = await call("PATCH", `${path}/calendar-event`, { body: { calendar_event_id: "e" } });
    expect(etagOf(await call("GET", path))).toBe(etagOf(link));
  });

  test("it is the versionOf of the DTO, in-process and through the client", async () => {
    const { id } = await createUser(call, { preferences: { b: [1.5, { "10": null, "9": "é🙂" }], a: "x" } });
    const etag = etagOf(await call("GET", `/api/v1/users/${id}`));
    const client = createDaoClient({ baseUrl: server.baseUrl, serviceKey: KEYS.observer });
    for (const { users } of [createDaoServices(server.database), client]) {
      expect(`"${versionOf(await users.getUser(id))}"`).toBe(etag);
    }
  });

  test("lists, structures and deletions have none", async () => {
    const goal = await createOwner(call);
    const structure = { goal: { user_id: goal.user_id, title: "g" }, milestones: [] };
    const conversation = await createConversation(call, goal);
    for (const answer of [
      await call("GET", "/api/v1/goals/"),
      await call("GET", `/api/v1/goals/${goal.id}/full`),
      await call("POST", "/api/v1/goals/with-structure", { body: structure }),
      await call("POST", `/api/v1/conversations/${conversation.id}/messages`, { body: { messages: [1] } }),
      await call("DELETE", `/api/v1/goals/${goal.id}`),
    ]) {
      expect(answer.status).toBeLessThan(300);
      expect(answer.headers.get("etag")).toBeNull();
    }
  });
});

describe("If-Match on a write", () => {
  test.each(ENTITIES)("%s: 200 with its ETag, 412 with another, and then nothing is written", async (entity) => {
    const { path, method, body } = (await rows())[entity];
    const before = await call("GET", path);
    const stale = await call(method, path, { body, headers: { "If-Match": STALE } });
    expect(expectProblem(stale, 412).detail).toMatch(
      / has changed since it was read\. Read it again before writing\.$/,
    );
    expect((await call("GET", path)).text).toBe(before.text);
    const written = await call(method, path, { body, headers: { "If-Match": etagOf(before) } });
    expect(expectStatus(written, 200)).toMatchObject(body);
    // Our own write has changed it.
    expectProblem(await call(method, path, { body: {}, headers: { "If-Match": etagOf(before) } }), 412);
    expect((await call("GET", path)).text).toBe(written.text);
  });

  test("a calendar event is linked only if the task is unchanged", async () => {
    const path = `/api/v1/tasks/${(await createTask(call, await createOwner(call))).id}`;
    const headers = { "If-Match": etagOf(await call("GET", path)) };
    const link = (calendar_event_id: string) =>
      call("PATCH", `${path}/calendar-event`, { headers, body: { calendar_event_id } });
    expectStatus(await link("one"), 200);
    expectProblem(await link("two"), 412);
    expect((await call("GET", path)).body).toMatchObject({ calendar_event_id: "one" });
  });

  test("a row is deleted only if it is unchanged", async () => {
    const goal = await createOwner(call);
    const paths = [
      `/api/v1/tasks/${(await createTask(call, goal)).id}`,
      `/api/v1/milestones/${(await createMilestone(call, goal)).id}`,
      `/api/v1/goals/${goal.id}`,
      `/api/v1/users/${goal.user_id}`,
    ];
    for (const path of paths) {
      expectProblem(await call("DELETE", path, { headers: { "If-Match": STALE } }), 412);
      const headers = { "If-Match": etagOf(await call("GET", path)) };
      expectStatus(await call("DELETE", path, { headers }), 204);
      expectProblem(await call("DELETE", path, { headers }), 404);
    }
  });

  test("a list of tags, an asterisk; no weak tag matches, and no quoted asterisk", async () => {
    const { path, method, body } = (await rows()).goal;
    const etag = etagOf(await call("GET", path));
    const put = (header: string) => call(method, path, { body: {}, headers: { "If-Match": header } });
    for (const header of [etag, `${STALE}, ${etag}`, ` ,\t${STALE},,${etag} , `, "*", `W/${STALE}, ${etag}`]) {
      expectStatus(await put(header), 200);
    }
    for (const header of [
      STALE,
      `W/${etag}`,
      `W/${etag}, ${STALE}`,
      '"*"',
      '"*-gzip"',
      '""',
      '"a,b"',
      `"${"x".repeat(5_000)}"`,
    ]) {
      expectProblem(await put(header), 412);
    }
    expectStatus(await call(method, path, { body, headers: { "If-Match": etag } }), 200);
  });

  test("a malformed header is 400 and is named", async () => {
    const { path, method } = (await rows()).goal;
    const etag = etagOf(await call("GET", path));
    const malformed = ["", ",", etag.slice(1, -1), etag.slice(1), `${etag}x`, `${etag} ${etag}`, `w/${etag}`];
    malformed.push(`*, ${etag}`, `${etag}, *`, "**", `W/ ${etag}`, '"a b"', '"a"b"', "'a'");
    for (const header of malformed) {
      const answer = await call(method, path, { body: { title: "no" }, headers: { "If-Match": header } });
      expectInvalid(answer, "If-Match");
    }
    expect(etagOf(await call("GET", path))).toBe(etag);
  });

  test("a row that does not exist is 404, whatever version is required", async () => {
    for (const header of ["*", STALE, `W/${STALE}`]) {
      for (const path of ["users", "goals", "milestones", "tasks", "conversations"]) {
        const parts = { body: {}, headers: { "If-Match": header } };
        expectProblem(await call("PATCH", `/api/v1/${path}/${unknownId()}`, parts), 404);
      }
      expectProblem(await call("DELETE", `/api/v1/tasks/${unknownId()}`, { headers: { "If-Match": header } }), 404);
      expectProblem(await call("GET", `/api/v1/tasks/${unknownId()}`, { headers: { "If-Match": header } }), 404);
    }
  });

  test("demo flags that were never set are 412: they have no version", async () => {
    const path = `/api/v1/demo-flags/${(await createUser(call)).id}`;
    for (const header of ["*", STALE]) {
      expectProblem(await call("PUT", path, { body: {}, headers: { "If-Match": header } }), 412);
      expectProblem(await call("GET", path), 404);
    }
  });

  test("an invalid change is 400, before its version is checked", async () => {
    const { path } = (await rows()).goal;
    expectInvalid(await call("PATCH", path, { body: { title: "" }, headers: { "If-Match": STALE } }), "title");
  });
});

describe("conditional reads", () => {
  test.each(ENTITIES)("%s: 304 without a body while the reader's version is current", async (entity) => {
    const { path, method, body } = (await rows())[entity];
    const etag = etagOf(await call("GET", path));
    const read = (header: string, verb = "GET") => call(verb, path, { headers: { "If-None-Match": header } });
    for (const header of [etag, `W/${etag}`, `${STALE}, ${etag}`, "*"]) {
      for (const verb of ["GET", "HEAD"]) {
        const answer = await read(header, verb);
        expect([answer.status, answer.text, etagOf(answer)]).toEqual([304, "", etag]);
        expect(answer.headers.get("content-type")).toBeNull();
      }
    }
    expectStatus(await read(STALE), 200);
    await call(method, path, { body });
    const fresh = await read(etag);
    expect(expectStatus(fresh, 200)).toMatchObject(body);
    expect(etagOf(fresh)).not.toBe(etag);
  });

  test("If-Match on a read is 412 if it does not match, and precedes If-None-Match", async () => {
    const { path } = (await rows()).goal;
    const etag = etagOf(await call("GET", path));
    for (const header of [etag, "*", `${STALE}, ${etag}`]) {
      expectStatus(await call("GET", path, { headers: { "If-Match": header } }), 200);
    }
    for (const header of [STALE, `W/${etag}`]) {
      expectProblem(await call("GET", path, { headers: { "If-Match": header } }), 412);
      expectProblem(await call("GET", path, { headers: { "If-Match": header, "If-None-Match": etag } }), 412);
    }
    const both = { "If-Match": etag, "If-None-Match": etag };
    expect((await call("GET", path, { headers: both })).status).toBe(304);
  });

  test("a malformed header is 400 and is named", async () => {
    const { path } = (await rows()).goal;
    for (const header of ["", "x", '"x', "*, *"]) {
      expectInvalid(await call("GET", path, { headers: { "If-None-Match": header } }), "If-None-Match");
    }
  });
});

describe("no precondition is ignored", () => {
  test("on operations other than of a single row they are 400, and nothing is written", async () => {
    const goal = await createOwner(call);
    const { id: conversation } = await createConversation(call, goal);
    const email = uniqueEmail();
    const requests: [method: string, path: string, body?: unknown][] = [
      ["POST", "/api/v1/users/", { name: "a", email }],
      ["POST", "/api/v1/goals/with-structure", { goal: { user_id: goal.user_id, title: "g" }, milestones: [] }],
      ["POST", "/api/v1/tasks/bulk-update-state", { task_ids: [unknownId()], new_state: "missed" }],
      ["POST", `/api/v1/conversations/${conversation}/messages`, { messages: [1] }],
      ["GET", "/api/v1/goals/"],
      ["GET", `/api/v1/goals/${goal.id}/full`],
      ["GET", `/api/v1/tasks/statistics?user_id=${goal.user_id}`],
    ];
    for (const [method, path, body] of requests) {
      for (const name of ["If-Match", "If-None-Match"]) {
        for (const value of ["*", STALE, ""]) {
          expectInvalid(await call(method, path, { body, headers: { [name]: value } }), name);
        }
      }
    }
    expect((await call("GET", `/api/v1/users/?email=${email}`)).body).toMatchObject({ total: 0 });
    expect((await call("GET", `/api/v1/goals/?user_id=${goal.user_id}`)).body).toMatchObject({ total: 1 });
    expect((await call("GET", `/api/v1/conversations/${conversation}`)).body).toMatchObject({ messages: [] });
  });

  test.each(ENTITIES)("%s: If-None-Match on a write is 400, but * on a PUT", async (entity) => {
    const { path, method, body } = (await rows())[entity];
    const before = await call("GET", path);
    for (const value of method === "PUT" ? [STALE, `*, ${STALE}`] : ["*", STALE]) {
      const answer = await call(method, path, { body, headers: { "If-None-Match": value } });
      expectInvalid(answer, "If-None-Match");
      expect(expectProblem(answer, 400).detail).toContain("If-Match");
    }
    const both = { "If-None-Match": "*", "If-Match": "*" };
    expectStatus(await call(method, path, { body, headers: both }), 400);
    expect((await call("GET", path)).text).toBe(before.text);
  });

  test("If-None-Match: * on a PUT creates only: of 20 at once one does, and the row is never replaced", async () => {
    const owner = await createUser(call);
    const path = `/api/v1/demo-flags/${owner.id}`;
    const put = (speed: number) =>
      call("PUT", path, { body: { escalation_speed: speed }, headers: { "If-None-Match": "*" } });
    const answers = await Promise.all(Array.from({ length: 20 }, (_, index) => put(index + 1)));
    const created = answers.filter(({ status }) => status === 200);
    expect(created).toHaveLength(1);
    for (const answer of answers) if (answer !== created[0]) expectProblem(answer, 412);
    expect((await call("GET", path)).text).toBe(created[0]?.text);
    const part = { method: "PUT", path, body: {}, if_none_match: "*" };
    expectProblem(await call("POST", "/api/v1/batch", { body: { operations: [part] } }), 412);
    const foreign = { ...part, method: "PATCH", path: `/api/v1/users/${owner.id}` };
    expectProblem(await call("POST", "/api/v1/batch", { body: { operations: [foreign] } }), 400);
  });

  test("dates are ignored, since rows have no modification date (RFC 9110, 13.1.3 and 13.1.4)", async () => {
    const { path, method, body } = (await rows()).goal;
    const longAgo = "Thu, 01 Jan 1970 00:00:00 GMT";
    expectStatus(await call("GET", path, { headers: { "If-Modified-Since": new Date().toUTCString() } }), 200);
    expectStatus(await call(method, path, { body, headers: { "If-Unmodified-Since": longAgo } }), 200);
  });
});

describe("If-Match through a proxy that compresses", () => {
  const codings = ["-gzip", "--gzip", "-br", "-deflate", "-zstd"];

  test.each(codings)("a tag with the suffix %s equals the original one", async (coding) => {
    const { id } = await createUser(call);
    const path = `/api/v1/users/${id}`;
    const tagged = async () => etagOf(await call("GET", path)).replace(/"$/, `${coding}"`);
    expect((await call("GET", path, { headers: { "If-None-Match": await tagged() } })).status).toBe(304);
    expect((await call("GET", path, { headers: { "If-None-Match": `W/${await tagged()}` } })).status).toBe(304);
    expectStatus(await call("GET", path, { headers: { "If-Match": await tagged() } }), 200);
    expectStatus(
      await call("PATCH", path, { body: { name: "B" }, headers: { "If-Match": `"x", ${await tagged()}` } }),
      200,
    );
    const stale = STALE.replace(/"$/, `${coding}"`);
    expectProblem(await call("PATCH", path, { body: { name: "C" }, headers: { "If-Match": stale } }), 412);
  });

  test("a weak tag is 412, and the response says what the proxy did", async () => {
    const { id } = await createUser(call);
    const path = `/api/v1/users/${id}`;
    const weak = { "If-Match": `W/${etagOf(await call("GET", path))}` };
    for (const answer of [
      await call("GET", path, { headers: weak }),
      await call("PATCH", path, { body: { name: "B" }, headers: weak }),
      await call("DELETE", path, { headers: weak }),
    ]) {
      expect(expectProblem(answer, 412).detail).toMatch(/weak .*proxy .*compress/s);
    }
    expect(
      expectProblem(await call("PATCH", path, { body: {}, headers: { "If-Match": STALE } }), 412).detail,
    ).not.toMatch(/weak/);
    expectProblem(await call("PATCH", `/api/v1/users/${unknownId()}`, { body: {}, headers: weak }), 404);
  });
});

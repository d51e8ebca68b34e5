import { describe, expect, test } from "vitest";
import { Router } from "./router.ts";

const router = new Router<string>();
router.add("GET", "/api/v1/tasks/", "list");
router.add("POST", "/api/v1/tasks/", "create");
router.add("GET", "/api/v1/tasks/{task_id}", "get");
router.add("DELETE", "/api/v1/tasks/{task_id}", "delete");
router.add("GET", "/api/v1/tasks/by-timerange", "timerange");
router.add("PATCH", "/api/v1/tasks/{task_id}/calendar-event", "link");

const find = (method: string, path: string) => {
  const match = router.match(path);
  return match && { route: match.methods.get(method), allow: match.allow, parameter: match.parameter };
};

describe("Router", () => {
  test.each([
    ["GET", "/api/v1/tasks", "list", undefined],
    ["GET", "/api/v1/tasks/", "list", undefined],
    ["HEAD", "/api/v1/tasks/", "list", undefined],
    ["POST", "/api/v1/tasks", "create", undefined],
    ["GET", "/api/v1/tasks/7", "get", "7"],
    ["GET", "/api/v1/tasks/7/", "get", "7"],
    ["GET", "/api/v1/tasks/a%2Fb", "get", "a/b"],
    ["GET", "/api/v1/t%61sks/7", "get", "7"],
    ["GET", "/api/v1/tasks/by-timerange", "timerange", undefined],
    ["PATCH", "/api/v1/tasks/by-timerange/calendar-event", "link", "by-timerange"],
    ["DELETE", "/api/v1/tasks/by-timerange", undefined, undefined],
  ])("%s %s is %s", (method, path, route, parameter) => {
    expect(find(method, path)).toMatchObject({ route, parameter });
  });

  test.each([
    "/",
    "",
    "/api",
    "/api/v1",
    "/api/v1/tasks//",
    "/api/v1//tasks",
    "/api/v1/tasks/7/x",
    "//api/v1/tasks",
    "*",
  ])("there is nothing at %s", (path) => {
    expect(find("GET", path)).toBeUndefined();
  });

  test("Allow names the methods of a path, including HEAD", () => {
    expect(find("PUT", "/api/v1/tasks/")?.allow).toBe("GET, HEAD, POST");
    expect(find("PUT", "/api/v1/tasks/7")?.allow).toBe("DELETE, GET, HEAD");
    expect(find("GET", "/api/v1/tasks/7/calendar-event")?.allow).toBe("PATCH");
  });

  test.each(["/api/v1/tasks/%ff", "/api/v1/tasks/%", "/api/v1/tasks/%zz"])("%s cannot be read", (path) => {
    expect(() => router.match(path)).toThrow("percent-encoding");
  });
});

import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { listen } from "../../examples/mounting/listen.ts";
import { nodeHttpHost } from "../../examples/mounting/node-http.ts";
import { operations } from "../../packages/dao-http/src/api/operations.gen.ts";
import { createUser } from "../rest/rows.ts";
import { KEYS, useRestServer } from "../rest/server.ts";
import { screenshot, useBrowser } from "./browser.ts";

const server = useRestServer();
const openPage = useBrowser(() => server.baseUrl);

/** All operations of the API, and the two probes. */
const OPERATIONS = Object.keys(operations).length + 2;

/** A page's text without the zero-width spaces at which long paths may wrap. */
const textOf = async (page: Page) => (await page.locator("body").textContent())?.replaceAll("\u200b", "");

describe("the API's pages in a browser", () => {
  test("/docs shows every operation; Authorize and Execute work (guide, Using Swagger UI)", async (context) => {
    const { email } = await createUser(server.call);
    const { page, faults } = await openPage(context, "/docs");
    await page.locator(".opblock").first().waitFor();
    expect(await page.locator(".opblock").count()).toBe(OPERATIONS);
    const text = await textOf(page);
    for (const part of ["/api/v1/users/", "/api/v1/tasks/{task_id}/calendar-event", "/api/v1/demo-flags/{user_id}"]) {
      expect(text).toContain(part);
    }
    await screenshot(page, "docs");

    await page.getByRole("button", { name: "Authorize" }).first().click();
    const dialog = page.locator(".modal-ux");
    await dialog.locator("input").fill(KEYS["goal-planner"]);
    await dialog.locator("button.authorize").click();
    await dialog.getByText("Logout").waitFor();
    await dialog.locator("button.btn-done").click();
    const answer = await execute(page, email);
    expect(answer.status()).toBe(200);
    expect(answer.request().headers()["x-flux-service-key"]).toBe(KEYS["goal-planner"]);
    const shown = page.locator("#operations-users-listUsers .live-responses-table");
    await shown.getByText(email).first().waitFor();
    expect(await shown.locator(".response-col_status").last().textContent()).toMatch(/^200\b/);
    await screenshot(page, "docs-executed");
    expect(faults).toEqual([]);
    await page.close();
  });

  test("/docs/ is the same page: without a key the call returns 403, and the page shows the problem", async (context) => {
    const { page, faults } = await openPage(context, "/docs/");
    expect((await execute(page, "x@example.com")).status()).toBe(403);
    await page.locator(".live-responses-table").getByText("invalid_service_key").first().waitFor();
    // Chromium itself logs the 403 to the console; this error is expected.
    expect(faults.filter((fault) => !/\b403\b/.test(fault))).toEqual([]);
    await page.close();
  });

  test("/docs shows each error of an operation as a line, and its example on a click", async (context) => {
    const { page, faults } = await openPage(context, "/docs");
    const operation = page.locator("#operations-tasks-createTask");
    await operation.locator(".opblock-summary").click();
    const responses = operation.locator("tr.response");
    await responses.nth(1).waitFor();
    const error = responses.filter({ hasText: "Related row missing" });
    expect(await error.textContent()).not.toContain("instance");
    await error.scrollIntoViewIfNeeded();
    await screenshot(page, "docs-folded");
    await error.getByRole("button").click();
    const shown = operation.getByText("urn:flux-dao:error:related_row_missing");
    await shown.first().waitFor();
    expect(faults).toEqual([]);
    await page.close();
  });

  test.for(["/redoc", "/redoc/"])(
    "%s shows every operation, and sends no request to another host",
    async (path, context) => {
      const { page, faults } = await openPage(context, path);
      const sections = page.locator("[data-section-id^='operation/']");
      await sections.nth(OPERATIONS - 1).waitFor();
      expect(await sections.count()).toBe(OPERATIONS);
      const text = await textOf(page);
      for (const part of ["/api/v1/users/", "/api/v1/tasks/{task_id}/calendar-event", "serviceKey"]) {
        expect(text).toContain(part);
      }
      await screenshot(page, path.slice(1));
      expect(faults).toEqual([]);
      await page.close();
    },
  );

  test("/openapi.json is displayed as JSON", async (context) => {
    const { page, faults } = await openPage(context, "/openapi.json");
    expect(JSON.parse((await page.locator("pre").textContent()) ?? "")).toMatchObject({
      openapi: expect.stringMatching(/^3\.1/),
    });
    expect(faults).toEqual([]);
    await page.close();
  });
});

describe("mounted under a sub-path of a host", () => {
  let host: Awaited<ReturnType<typeof listen>> | undefined;
  beforeAll(async () => {
    const keys = Object.entries(KEYS).map(([name, key]) => ({ name, key }));
    const { server: mounted, dao } = nodeHttpHost({ services: server.database, keys });
    host = await listen(mounted, dao, 0);
  });
  afterAll(() => host?.stop());

  test("/docs sends its calls to the sub-path", async (context) => {
    const { page, faults } = await openPage(context, "/data/docs", host?.url);
    const answer = await execute(page, "x@example.com");
    expect([answer.status(), new URL(answer.url()).pathname]).toEqual([403, "/data/api/v1/users/"]);
    expect(faults.filter((fault) => !/\b403\b/.test(fault))).toEqual([]);
    await page.close();
  });

  test("/redoc shows the API", async (context) => {
    const { page, faults } = await openPage(context, "/data/redoc", host?.url);
    await page
      .locator("[data-section-id^='operation/']")
      .nth(OPERATIONS - 1)
      .waitFor();
    expect(faults).toEqual([]);
    await page.close();
  });
});

/** Runs "List users", filtered by an e-mail address, from its form. */
async function execute(page: Page, email: string) {
  const operation = page.locator("#operations-users-listUsers");
  await operation.locator(".opblock-summary").click();
  // The page's settings decide which form is open at first.
  const tryIt = operation.getByRole("button", { name: "Try it out" });
  const run = operation.getByRole("button", { name: "Execute" });
  await tryIt.or(run).first().waitFor();
  if (await tryIt.isVisible()) await tryIt.click();
  // A filter takes several values.
  const parameter = operation.locator('tr[data-param-name="email"]');
  await parameter.getByRole("button", { name: "Add string item" }).click();
  await parameter.locator("input").fill(email);
  const answer = page.waitForResponse((response) => response.url().includes("/api/v1/users/"));
  await run.click();
  return answer;
}

import { createDaoServices } from "@flux/dao-core";
import { demoDataSize, writeDemoData } from "@flux/dao-core/testing";
import type { Page } from "playwright-core";
import { beforeAll, describe, expect, test } from "vitest";
import { buildExplore } from "../../packages/dao-http/explore.config.ts";
import { KEYS, useRestServer } from "../rest/server.ts";
import { screenshot, useBrowser } from "./browser.ts";

const server = useRestServer();
const openPage = useBrowser(() => server.baseUrl);
/** The user with the most tasks in the week of the demo data. */
let ada = { id: "", email: "", name: "" };
const FROM = new Date("2026-03-02");
const WEEK = { startTime: FROM, endTime: new Date("2026-03-08T23:59:59.999Z") };
const MONTH = { startDate: new Date(0), endDate: new Date("2100-01-01") };
const SCRIPT = "<img src=x onerror=alert(1)><script>alert(2)</script>";

beforeAll(async () => {
  await buildExplore();
  await writeDemoData(server.database, demoDataSize({ users: 30, tasks: 3_000, from: FROM }));
  const { users } = createDaoServices(server.database);
  const [user] = (await users.listUsers({ pageSize: 1 })).items;
  if (user !== undefined) ada = user;
});

/** Opens the page, enters a key, and goes to a view. */
async function look(page: Page, view = ""): Promise<void> {
  await page.getByLabel("Service key").fill(KEYS.observer);
  await page.getByRole("button", { name: "Look" }).click();
  await page.getByRole("heading", { name: "Users" }).waitFor();
  if (view !== "") await show(page, view);
}

async function show(page: Page, view: string): Promise<void> {
  await page.evaluate(`location.hash = ${JSON.stringify(view)}`);
  await page.locator("main h1").waitFor();
  await page.locator("[aria-busy=true]").waitFor({ state: "detached" });
}

describe("/explore in a browser", () => {
  test("asks for a key, keeps it for the tab, and shows users by page and by e-mail", async (context) => {
    const { page, faults } = await openPage(context, "/explore");
    // No header can contain it.
    await page.getByLabel("Service key").fill("ключ");
    await page.keyboard.press("Enter");
    await page.locator("input:invalid").waitFor();
    await page.reload();
    await page.getByLabel("Service key").fill("wrong");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").getByText("does not hold one of the service's keys").waitFor();
    await look(page);
    const rows = page.locator("tbody tr");
    await page.getByText("users 1 to 25 of 30").waitFor();
    expect(await rows.count()).toBe(25);
    await page.getByRole("link", { name: "Next" }).click();
    await page.getByText("users 26 to 30 of 30").waitFor();
    await page.reload();
    await page.getByText("users 26 to 30 of 30").waitFor();
    await page.getByLabel("E-mail address").fill(ada.email);
    await page.keyboard.press("Enter");
    await page.getByText("users 1 to 1 of 1").waitFor();
    await page.getByRole("link", { name: ada.name }).click();
    await page.getByRole("heading", { name: ada.name }).waitFor();
    await page.getByRole("button", { name: "Forget the key" }).click();
    await page.reload();
    await page.getByLabel("Service key").waitFor();
    // Chromium itself logs the 403 of the wrong key.
    expect(faults.filter((fault) => !/\b403\b/.test(fault))).toEqual([]);
    await page.close();
  });

  test("shows a goal's weeks, milestones and tasks", async (context) => {
    const { page, faults } = await openPage(context, "/explore/");
    const { goals } = createDaoServices(server.database);
    const [first] = (await goals.listGoals({ userId: ada.id })).items;
    const goal = await goals.getGoalFull(first?.id ?? "");
    await look(page, `/users/${ada.id}`);
    await page.getByRole("link", { name: goal.title, exact: true }).first().click();
    await page.getByRole("heading", { name: goal.title, level: 1 }).waitFor();
    const shown = await page.locator(".grid .task").count();
    expect(shown).toBe(goal.tasks.length);
    expect(await page.getByRole("heading", { level: 3 }).count()).toBeGreaterThanOrEqual(goal.milestones.length);
    expect(await page.evaluate("document.activeElement.tagName")).toBe("MAIN");
    expect(faults).toEqual([]);
    await page.close();
  });

  test("shows a day, a week and 30 days of a user's tasks", async (context) => {
    const { page, faults } = await openPage(context, "/explore");
    const { tasks } = createDaoServices(server.database);
    const ofWeek = await tasks.getTasksByTimerange({ userId: ada.id, ...WEEK });
    expect(ofWeek.length).toBeGreaterThan(0);
    await look(page, `/users/${ada.id}/week?date=2026-03-04`);
    await page.getByRole("heading", { level: 2 }).nth(6).waitFor();
    expect(await page.locator(".calendar .task").count()).toBe(ofWeek.length);
    await show(page, `/users/${ada.id}/day?date=2026-03-02`);
    const ofDay = ofWeek.filter(({ startTime }) => startTime?.toISOString().startsWith("2026-03-02"));
    await expect.poll(() => page.locator(".calendar .task").count()).toBe(ofDay.length);
    await page.getByRole("link", { name: "Later" }).focus();
    await page.keyboard.press("Enter");
    await expect.poll(() => page.getByLabel("From").inputValue()).toBe("2026-03-03");
    expect(await page.evaluate("document.activeElement.textContent")).toBe("Later");

    await show(page, `/users/${ada.id}/charts`);
    const statistics = await tasks.getTaskStatistics({ userId: ada.id, ...MONTH });
    await page.getByText(`${statistics.totalTasks} tasks,`).waitFor();
    await show(page, `/users/${ada.id}/charts?date=2026-02-15`);
    await page.getByText("As a table").click();
    const all = await page.locator("details tbody td:last-child").allTextContents();
    expect(all).toHaveLength(30);
    const range = { startTime: new Date("2026-02-15"), endTime: new Date("2026-03-16T23:59:59.999Z") };
    const ofRange = await tasks.getTasksByTimerange({ userId: ada.id, ...range });
    expect(all.reduce((sum, count) => sum + Number(count), 0)).toBe(ofRange.length);
    expect(faults).toEqual([]);
    await page.close();
  });

  test("shows the first 200 tasks of a day, and of a milestone or without one, and how many more there are", async (context) => {
    const { page, faults } = await openPage(context, "/explore");
    const { users, goals, tasks } = createDaoServices(server.database);
    const user = await users.createUser({ name: "Busy", email: "busy@example.com" });
    const goal = await goals.createGoal({ userId: user.id, title: "Much" });
    const startTime = new Date("2026-05-01T12:00:00Z");
    const task = { userId: user.id, goalId: goal.id, title: "One of many", startTime };
    await tasks.createTasks(Array.from({ length: 1_300 }, () => task));
    await look(page, `/users/${user.id}/day?date=2026-05-01`);
    await page.getByText("and 1,100 more").waitFor();
    expect(await page.locator(".calendar .task").count()).toBe(200);
    await show(page, `/goals/${goal.id}`);
    await page.getByText("and 1,100 more").waitFor();
    expect(await page.locator(".grid .task").count()).toBe(200);
    expect(faults).toEqual([]);
    await page.close();
  });

  test("shows what the database holds as text, also messages of any form", async (context) => {
    const { page, faults } = await openPage(context, "/explore");
    const { users, conversations } = createDaoServices(server.database);
    const user = await users.createUser({ name: SCRIPT, email: "mallory@example.com" });
    const messages = [{ role: "user", content: SCRIPT, sent_at: "today" }, SCRIPT, { other: [1] }, null];
    const { id } = await conversations.createConversation({ userId: user.id, messages });
    await look(page, `/users/${user.id}/conversations`);
    expect(await page.locator("h1").textContent()).toBe(SCRIPT);
    await page.locator("tbody a").click();
    await page.locator(".messages li").nth(3).waitFor();
    expect(await page.locator(".messages p").allTextContents()).toEqual([
      SCRIPT,
      SCRIPT,
      JSON.stringify({ other: [1] }, null, 2),
      "null",
    ]);
    expect(await page.locator("img, main script").count()).toBe(0);
    await show(page, `/conversations/${id}?page=9`);
    await page.getByText("No messages on this page").waitFor();
    await page.evaluate('location.hash = "/goals/nothing"');
    await page.getByRole("alert").getByRole("button", { name: "Try again" }).waitFor();
    expect(faults.filter((fault) => !/\b400\b/.test(fault))).toEqual([]);
    await page.close();
  });

  test.for([
    ["light", 1_280],
    ["dark", 1_280],
    ["light", 390],
    ["dark", 390],
  ] as const)("%s, %i pixels wide: nothing is cut off", async ([colorScheme, width], context) => {
    const { page, faults } = await openPage(context, "/explore");
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize({ width, height: 900 });
    await screenshot(page, `explore-key-${colorScheme}-${width}`);
    const { goals, conversations } = createDaoServices(server.database);
    const [goal] = (await goals.listGoals({ userId: ada.id })).items;
    const [conversation] = (await conversations.listConversations({ userId: ada.id })).items;
    await look(page);
    const views = {
      users: "/",
      goals: `/users/${ada.id}`,
      goal: `/goals/${goal?.id}`,
      day: `/users/${ada.id}/day?date=2026-03-02`,
      week: `/users/${ada.id}/week?date=2026-03-02`,
      charts: `/users/${ada.id}/charts?date=2026-02-15`,
      conversations: `/users/${ada.id}/conversations`,
      conversation: `/conversations/${conversation?.id}`,
    };
    for (const [name, view] of Object.entries(views)) {
      await show(page, view);
      expect(await page.evaluate("document.documentElement.scrollWidth"), name).toBeLessThanOrEqual(width);
      await screenshot(page, `explore-${name}-${colorScheme}-${width}`);
    }
    expect(faults).toEqual([]);
    await page.close();
  });
});

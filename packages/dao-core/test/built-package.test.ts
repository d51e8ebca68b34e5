import { eq } from "drizzle-orm";
import { drizzle } from "drizzle-orm/postgres-js";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import * as z from "zod";
import { buildPackages } from "../../../scripts/build.ts";
import { createTestDatabase, type TestDatabase } from "../src/testing/index.ts";
import { connect } from "./scratch-database.ts";

let core: typeof import("@flux/dao-core");
let schema: typeof import("@flux/dao-core/schema");
let testDatabase: TestDatabase;

beforeAll(async () => {
  await buildPackages(new AbortController().signal);
  const built = (entry: string) => new URL(`../dist/${entry}`, import.meta.url).href;
  core = await import(built("index.js"));
  schema = await import(built("schema/index.js"));
  testDatabase = await createTestDatabase({ serverUrl: inject("adminUrl") });
});
afterAll(() => testDatabase?.drop());

/** Drizzle and zod are bundled into the package; an application has its own. */
describe("the built package and the application's own", () => {
  test("Drizzle: one transaction of the application's, with the tables of /schema", async () => {
    const client = connect(testDatabase.url);
    const host = drizzle(client);
    const email = "joined@example.com";
    const byHost = () =>
      host.select({ name: schema.users.name }).from(schema.users).where(eq(schema.users.email, email));
    const rolledBack = host.transaction(async (transaction) => {
      const { users } = core.createDaoServices(core.joinDrizzle(transaction));
      const { id } = await users.createUser({ name: "Ada", email });
      await transaction.update(schema.users).set({ name: "Ada L." }).where(eq(schema.users.id, id));
      expect(await users.getUser(id)).toMatchObject({ name: "Ada L.", createdAt: expect.any(Date) });
      await expect(users.getUser("x")).rejects.toThrow(core.ValidationError);
      transaction.rollback();
    });
    await expect(rolledBack).rejects.toThrow(/rollback/i);
    expect(await byHost()).toEqual([]);
    await core.createDaoServices(core.joinDrizzle(host)).users.createUser({ name: "Ada", email });
    expect(await byHost()).toEqual([{ name: "Ada" }]);
    await client.end({ timeout: 0 });
  });

  test("zod: the application's schemas can contain the package's, and share its error class", () => {
    const signUp = z.object({ user: core.userCreateDto, source: z.string() });
    const user = { name: "Ada", email: "ada@example.com" };
    expect(signUp.parse({ user, source: "web" })).toMatchObject({ user, source: "web" });
    expect(core.userCreateDto.extend({ age: z.int() }).parse({ ...user, age: 36 })).toMatchObject({ age: 36 });
    const refused = signUp.safeParse({ user: { ...user, email: "no" }, source: "web" });
    expect(refused.error).toBeInstanceOf(z.ZodError);
    expect(refused.error?.issues).toMatchObject([{ path: ["user", "email"] }]);
    expect(core.userCreateDto.safeParse({}).error).toBeInstanceOf(z.ZodError);
    expect(core.userCreateDto).toBeInstanceOf(z.ZodObject);
    expect(z.toJSONSchema(signUp, { unrepresentable: "any" })).toMatchObject({
      properties: { user: { properties: { name: { type: "string" } } } },
    });
  });
});

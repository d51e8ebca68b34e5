import { and, eq, or } from "drizzle-orm";
import { describe, expect, test } from "vitest";
import { ValidationError } from "../../contract/errors.ts";
import { SchemaName } from "../../schema/schema-name.ts";
import type { SchemaExecutor, SqlParameter } from "../../session/driver.ts";
import { compile, param, queryBuilder, run, textIn } from "./statement.ts";
import { users } from "./tables.ts";

const statement = compile(
  "write",
  queryBuilder
    .update(users)
    .set({ name: param("name"), preferences: param("preferences") })
    .where(eq(users.id, param("id"))),
);

function recorder(): SchemaExecutor & { readonly sent: (readonly SqlParameter[])[] } {
  const sent: (readonly SqlParameter[])[] = [];
  return {
    sent,
    schema: new SchemaName("tenant_7"),
    async execute(_text, parameters) {
      sent.push(parameters);
      return { rows: [] };
    },
  };
}

describe("a compiled statement", () => {
  test("is text with the names of its parameters in order", () => {
    expect(statement).toEqual({
      text: 'update "flux_dao_schema"."users" set "name" = $1, "preferences" = $2 where "flux_dao_schema"."users"."id" = $3',
      parameters: ["name", "preferences", "id"],
      kind: "write",
    });
  });

  test("sends a value that is used in several places once", () => {
    const same = eq(users.name, param("name"));
    const { text, parameters } = compile(
      "read",
      queryBuilder
        .select({ id: users.id })
        .from(users)
        .where(or(same, and(eq(users.email, param("email")), same))),
    );
    expect(text.replaceAll('"flux_dao_schema"."users".', "")).toContain(
      '("name" = $1 or ("email" = $2 and "name" = $1))',
    );
    expect(parameters).toEqual(["name", "email"]);
  });

  test("is sent with the session's schema in place of the placeholder", () => {
    expect(textIn(new SchemaName('a "b" $& c'), statement)).toBe(
      'update "a ""b"" $& c"."users" set "name" = $1, "preferences" = $2 where "a ""b"" $& c"."users"."id" = $3',
    );
  });

  test("binds values by name: JSON and instants as text, missing values as null", async () => {
    const executor = recorder();
    await run(executor, statement, { id: "x", preferences: { a: [1] }, name: new Date(0) });
    await run(executor, statement, { id: "x" });
    expect(executor.sent).toEqual([
      ["1970-01-01T00:00:00.000Z", '{"a":[1]}', "x"],
      [null, null, "x"],
    ]);
  });

  test.each([
    ["an unpaired surrogate, which would be stored as another character", "\ud800"],
    ["NUL", "a\u0000b"],
    ["an invalid Date", new Date(Number.NaN)],
    ["a bigint", 1n],
  ])("rejects %s before it is sent, and names the field", async (_, name) => {
    const executor = recorder();
    const sending = run(executor, statement, { id: "x", name });
    await expect(sending).rejects.toBeInstanceOf(ValidationError);
    await expect(sending).rejects.toMatchObject({ issues: [{ path: "name" }] });
    expect(executor.sent).toEqual([]);
  });
});

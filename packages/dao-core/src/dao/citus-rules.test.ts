import { describe, expect, test } from "vitest";
import { MIGRATIONS } from "../migrations/migrations.gen.ts";
import { conversationStatements } from "./conversation-dao.ts";
import { goalStatements, milestoneStatements, taskStatements, userStatements } from "./entities.ts";

// Found on a cluster, which few machines have (TEST_CITUS_URL).
describe("for a tenant's schema on Citus", () => {
  const entities = { userStatements, goalStatements, milestoneStatements, taskStatements, conversationStatements };

  test.each(Object.entries(entities))(
    "RETURNING of %s casts no instant to text, which depends on settings",
    (_, all) => {
      for (const { text } of [all.insert(), all.update(Object.keys(all.columns)), all.updateWhere(["id"], undefined)]) {
        const [, returning = expect.fail("It returns nothing.")] = text.split(" returning ");
        expect(returning).toMatch(/timestamptz_send\(\S*"created_at"\)/);
        expect(returning).not.toMatch(/(?:_at|_time)"::text/);
      }
    },
  );

  test("an update compares no instants by a function that depends on settings", () => {
    expect(taskStatements.update(["endTime"]).text).toMatch(
      /date_trunc\('milliseconds', \(\S*"start_time" at time zone/,
    );
  });

  test("no added CHECK names a table", () => {
    const checks = MIGRATIONS.flatMap(({ statements }) =>
      statements.filter((text) => /ADD CONSTRAINT \S+ CHECK/.test(text)),
    );
    expect(checks.length).toBeGreaterThan(0);
    for (const check of checks) expect(check).not.toMatch(/"\w+"\."\w+"/);
  });
});

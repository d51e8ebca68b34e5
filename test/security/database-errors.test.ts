import { beforeAll, describe, expect, test } from "vitest";
import { createOwner, type GoalRow } from "../rest/rows.ts";
import { KEYS, useRestServer } from "../rest/server.ts";

const server = useRestServer();

let goal: GoalRow;
beforeAll(async () => {
  goal = await createOwner(server.call);
});

/** At least one SQLSTATE of every class of PostgreSQL's errors, and every one that the data layer distinguishes. */
const SQLSTATES =
  "03000 08000 08006 0A000 20000 21000 22001 22003 22012 22021 22023 22P02 22P05 23000 23001 23502 23503 23505 23514 23P01 24000 25001 25006 25P02 25P03 26000 28000 28P01 2B000 2D000 2F000 34000 38000 39000 3B000 3D000 3F000 40000 40001 40002 40003 40P01 42501 42601 42703 42704 42P01 42P05 42883 44000 53000 53100 53200 53300 53400 54000 54001 55000 55006 55P03 57000 57014 57P01 57P02 57P03 58000 58030 58P01 72000 F0000 HV000 P0000 P0001 P0002 XX000 XX001".split(
    " ",
  );

/** An error with all the fields that PostgreSQL sends. */
const raising = (state: string) => `
  create or replace function fail() returns trigger language plpgsql as $$ begin
    raise exception 'canary-message select * from users' using errcode = '${state}', detail = 'canary-detail $1',
      hint = 'canary-hint', table = 'canary_table', column = 'canary_column', constraint = 'canary_key',
      datatype = 'canary_type', schema = 'canary_schema';
  end $$;
  create or replace trigger fail before insert on goals for each row execute function fail();`;

/** Names that the response may contain, since a writer who added a rule to the database wants to know which it was. */
const NAMES: Readonly<Record<string, RegExp>> = {
  "23514": /canary_key/g,
  "23502": /canary_?[cC]olumn/g,
  "23001": /canary_key/g,
  "23503": /canary_key/g,
};

describe("no response reveals an error of the database", () => {
  test.each(SQLSTATES)("SQLSTATE %s", async (state) => {
    await server.sql(raising(state));
    const body = { user_id: goal.user_id, title: "canary-title", category: "canary-parameter" };
    const headers = { "X-Flux-Service-Key": KEYS.scheduler, "Content-Type": "application/json" };
    const init = { method: "POST", headers, body: JSON.stringify(body) };
    const answer = await fetch(`${server.baseUrl}/api/v1/goals/`, init);
    const text = await answer.text();
    expect(JSON.parse(text)).toMatchObject({ status: answer.status, detail: expect.stringMatching(/\.$/) });
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(text.replace(NAMES[state] ?? /$^/, "")).not.toMatch(/canary|plpgsql|trigger|raise|PL\/pgSQL|XX\d/i);
    // And the service keeps serving.
    expect((await server.call("GET", `/api/v1/goals/${goal.id}`)).status).toBe(200);
  });

  test("the log contains no parameter of a statement", () => {
    const log = server.logLines().join("\n");
    expect(log).toContain("canary-message");
    expect(log).not.toMatch(/canary-title|canary-parameter/);
  });
});

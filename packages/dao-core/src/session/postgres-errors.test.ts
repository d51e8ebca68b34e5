import { describe, expect, test } from "vitest";
import { NotFoundError, RelatedRowMissingError } from "../contract/errors.ts";
import { isLossError, toDaoError } from "./postgres-errors.ts";

const databaseError = (code: string, facts: object = {}) =>
  Object.assign(new Error("SECRET sql and parameters"), { code, ...facts });

describe("the error for a SQLSTATE (docs/errors.md)", () => {
  test.each([
    ["23505", "conflict"],
    ["23P01", "conflict"],
    ["23503", "related_row_missing"],
    ["23514", "validation_failed"],
    ["23502", "validation_failed"],
    ["22021", "validation_failed"],
    ["22P02", "validation_failed"],
    ["22003", "validation_failed"],
    ["54000", "validation_failed"],
    ["54001", "validation_failed"],
    ["40001", "retryable"],
    ["40P01", "retryable"],
    ["57014", "unavailable"],
    ["55P03", "unavailable"],
    ["53300", "unavailable"],
    ["08006", "unavailable"],
    ["57P01", "unavailable"],
    ["57P03", "unavailable"],
    ["57P04", "unavailable"],
    ["57P05", "unavailable"],
    ["58030", "unavailable"],
    ["58P01", "unavailable"],
    ["XX001", "unavailable"],
    ["XX002", "unavailable"],
    ["25P03", "unavailable"],
    ["28P01", "unavailable"],
    ["28000", "unavailable"],
    ["3D000", "unavailable"],
    ["26000", "unavailable"],
    ["42P05", "unavailable"],
    ["ECONNREFUSED", "unavailable"],
    ["CONNECT_TIMEOUT", "unavailable"],
    ["EMFILE", "unavailable"],
    ["EADDRNOTAVAIL", "unavailable"],
    ["25006", "unavailable"],
    ["25P01", "unit_of_work_misused"],
    ["25P02", "unit_of_work_misused"],
    ["3B001", "unit_of_work_misused"],
    ["42P01", "schema_version"],
    ["42703", "schema_version"],
    ["42704", "schema_version"],
  ])("%s is %s, keeps its cause, and does not reveal it", (code, expected) => {
    const cause = databaseError(code);
    const error = toDaoError(cause);
    expect(error).toMatchObject({ code: expected, cause });
    expect(String(error)).not.toContain("SECRET");
  });

  test.each(["23001", "23503"])("%s of an application's own foreign key is a conflict", (code) => {
    const error = toDaoError(databaseError(code, { constraint: "employees_user_id_fkey" }));
    expect(error).toMatchObject({ code: "conflict", message: expect.stringContaining("employees_user_id_fkey") });
  });

  test("is found inside an ORM's error", () => {
    const wrapped = new Error("Failed query: SECRET", {
      cause: databaseError("23505", { constraint: "users_email_key" }),
    });
    expect(toDaoError(wrapped)).toMatchObject({ code: "conflict", field: "email" });
  });

  test.each([
    [
      "23503",
      'insert or update on table "goals_102010" violates foreign key constraint "goals_user_id_fkey_102011"',
      { code: "related_row_missing", field: "userId", id: "the-id" },
    ],
    ["XX000", "fehler: Fremdschlüssel »tasks_goal_id_fkey_102012«", { code: "related_row_missing", field: "goalId" }],
    [
      "23505",
      'duplicate key value violates unique constraint "users_email_key_102008"',
      { code: "conflict", field: "email" },
    ],
    ["23505", 'duplicate key value violates unique constraint "tasks_pkey_102008"', { code: "conflict", field: "id" }],
    ["XX000", 'duplicate key value violates unique constraint "tasks_pkey_1"', { code: "conflict", field: "id" }],
    [
      "23514",
      'new row for relation "tasks_102012" violates check constraint "tasks_end_time_not_before_start_time"',
      { code: "validation_failed", issues: [{ path: "endTime", message: "must not be before the start time" }] },
    ],
    [
      "XX000",
      'new row for relation "tasks_102012" violates check constraint "tasks_title_length_102012"',
      { code: "validation_failed", issues: [{ path: "title" }] },
    ],
    [
      "23502",
      'null value in column "week_number" of relation "milestones_102013" violates not-null constraint',
      { code: "validation_failed", issues: [{ path: "weekNumber", message: "must not be null" }] },
    ],
  ])("%s without fields, as Citus sends it, is found in the message: %s", (code, message, expected) => {
    const cause = Object.assign(new Error(message), { code });
    expect(toDaoError(cause, { userId: "the-id" })).toMatchObject(expected);
  });

  test.each([
    ["08006", "remote_commands.c", "connection to the remote node postgres@node:5432 failed: connection not open"],
    ["57P01", "remote_commands.c", "terminating connection due to administrator command"],
    ["08006", "connection_management.c", "connection establishment for node node:5432 failed"],
    ["XX000", "remote_transaction.c", "failure on connection marked as essential: node:5432"],
  ])("%s of a node, as Citus reports it (%s), leaves the connection as it is: %s", (code, file, message) => {
    const cause = Object.assign(new Error(message), { code, file });
    expect(isLossError(cause)).toBe(false);
    expect(toDaoError(cause)).toMatchObject({ code: "unavailable", message: expect.stringContaining("node"), cause });
  });

  test("a commit that a node has not confirmed is a loss, after which the outcome is unknown", () => {
    const cause = databaseError("XX000", { routine: "ErrorIfPostCommitFailedShardPlacements" });
    expect(isLossError(cause)).toBe(true);
    expect(toDaoError(cause)).toMatchObject({ code: "unavailable", cause });
  });

  test("an internal error that names no constraint is unchanged", () => {
    const cause = databaseError("XX000");
    expect(toDaoError(cause)).toBe(cause);
  });

  test("names field and id of a foreign key, by either driver's spelling of the constraint", () => {
    for (const key of ["constraint_name", "constraint"]) {
      const error = toDaoError(databaseError("23503", { [key]: "tasks_goal_id_fkey" }), { goalId: "the-id" });
      expect(error).toBeInstanceOf(RelatedRowMissingError);
      expect(error).toMatchObject({ field: "goalId", id: "the-id" });
    }
  });

  test("names the field and rule of a check, and of a column that must not be null", () => {
    expect(toDaoError(databaseError("23514", { constraint_name: "tasks_title_length" }))).toMatchObject({
      issues: [{ path: "title", message: "must be 1 to 500 characters long" }],
    });
    expect(toDaoError(databaseError("23502", { column_name: "week_number" }))).toMatchObject({
      issues: [{ path: "weekNumber", message: "must not be null" }],
    });
  });

  test.each(["08P01", "26000", "42P05"])("says how to open a database behind a pooling proxy (%s)", (code) => {
    expect(String(toDaoError(databaseError(code)))).toContain("prepare: false");
  });

  test("returns unknown errors unchanged", () => {
    const unforeseen = databaseError("XX000");
    const own = new NotFoundError("task", "x");
    const plain = new TypeError("x");
    expect([toDaoError(unforeseen), toDaoError(own), toDaoError(plain), toDaoError("x")]).toEqual([
      unforeseen,
      own,
      plain,
      "x",
    ]);
  });
});

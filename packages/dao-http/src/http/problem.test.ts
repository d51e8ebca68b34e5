import {
  ChangesDisabledError,
  ConflictError,
  CursorExpiredError,
  DAO_ERROR_CODES,
  type DaoError,
  type DaoErrorCode,
  IdempotencyKeyReusedError,
  NotFoundError,
  RelatedRowMissingError,
  RetryableError,
  SchemaVersionError,
  TransactionLostError,
  UnavailableError,
  UnitOfWorkMisuseError,
  ValidationError,
  VersionMismatchError,
} from "@flux/dao-core/contract";
import { describe, expect, test } from "vitest";
import { HttpError, problemResponse, toProblem } from "./problem.ts";

const request = { path: "/api/v1/tasks/7", requestId: "r-1", id: { wireName: "task_id", name: "id" } };
const always = { "content-type": "application/problem+json", "cache-control": "no-store" };
const id = "0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6e";

/** Every error of the data layer, with the status and code that contract.md ("Errors") gives it. */
const errors: Readonly<Record<DaoErrorCode, readonly [DaoError, number, string]>> = {
  validation_failed: [new ValidationError([{ path: "id", message: "is bad" }]), 400, "validation_failed"],
  not_found: [new NotFoundError("task", id), 404, "not_found"],
  conflict: [new ConflictError("email is taken.", { field: "email" }), 409, "conflict"],
  related_row_missing: [new RelatedRowMissingError("userId", id), 422, "related_row_missing"],
  version_mismatch: [new VersionMismatchError("task", id), 412, "version_mismatch"],
  idempotency_key_reused: [new IdempotencyKeyReusedError(), 422, "idempotency_key_reused"],
  retryable: [new RetryableError("Run it again."), 409, "conflict"],
  unavailable: [new UnavailableError("Try again later."), 503, "unavailable"],
  transaction_lost: [new TransactionLostError("unknown"), 503, "unavailable"],
  schema_version: [new SchemaVersionError("Run migrate()."), 503, "unavailable"],
  unit_of_work_misused: [new UnitOfWorkMisuseError("secret of the code"), 500, "internal_error"],
  cursor_expired: [new CursorExpiredError(), 410, "cursor_expired"],
  changes_disabled: [new ChangesDisabledError("public"), 501, "changes_disabled"],
};

describe("contract, Errors: every error has its status and code", () => {
  test.each(DAO_ERROR_CODES)("%s", (daoCode) => {
    const [error, status, code] = errors[daoCode];
    const problem = toProblem(error, request);
    expect(problem).toMatchObject({ status, code, type: `urn:flux-dao:error:${code}`, instance: request.path });
    expect(problem.detail).toMatch(/^\S.*\.$/);
    expect(problem.title).not.toBe("");
    expect(problemResponse(error, request).headers).toEqual({
      ...always,
      ...(status === 503 && { "retry-after": "2" }),
    });
  });

  test("anything unforeseen is a 500 that names the request id and nothing else", () => {
    for (const thrown of [new Error("select * from users"), "text", undefined, null, { code: "23505" }]) {
      const { detail, status } = toProblem(thrown, request);
      expect(status).toBe(500);
      expect(detail).toContain("r-1");
      expect(detail).not.toMatch(/select|23505/);
    }
  });

  test("paths are in the caller's spelling: the path's parameter, snake_case, list positions", () => {
    const issues = ["id", "milestones.0.weekNumber", "preferences.aB", "taskIds.3"].map((path) => ({
      path,
      message: "m",
    }));
    const problem = toProblem(new ValidationError(issues), request);
    expect(problem.errors?.map(({ path }) => path)).toEqual([
      "task_id",
      "milestones.0.week_number",
      "preferences.aB",
      "task_ids.3",
    ]);
    expect(problem.detail).toMatch(/^task_id m \(and 3 more/);
  });

  test("of many broken rules the first 100 are listed, and detail counts the rest", () => {
    const issuesOf = (count: number) =>
      Array.from({ length: count }, (_, index) => ({
        path: `milestones.0.tasks.${index}.startTime`,
        message: "is bad",
      }));
    const all = toProblem(new ValidationError(issuesOf(100)), request);
    expect(all.errors).toHaveLength(100);
    expect(all.detail).toBe("milestones.0.tasks.0.start_time is bad (and 99 more).");
    const some = toProblem(new ValidationError(issuesOf(110_000)), request);
    expect(some.errors?.at(-1)?.path).toBe("milestones.0.tasks.99.start_time");
    expect(some.errors).toHaveLength(100);
    expect(some.detail).toBe("milestones.0.tasks.0.start_time is bad (and 109999 more: errors has the first 100).");
    expect(JSON.stringify(some).length).toBeLessThan(10_000);
  });

  test("related_row_missing names field and id, in the detail and as members", () => {
    const problem = toProblem(new RelatedRowMissingError("milestoneId", id), request);
    expect(problem).toMatchObject({ field: "milestone_id", id });
    expect(problem.detail).toContain(`milestone_id names a row that does not exist: ${id}`);
  });

  test("`reason` has the code that a less specific one replaces", () => {
    expect(toProblem(new RetryableError("Again."), request)).toMatchObject({ reason: "retryable" });
    expect(toProblem(new TransactionLostError("rolled_back"), request)).toMatchObject({
      reason: "transaction_lost",
      outcome: "rolled_back",
    });
    expect(toProblem(new UnavailableError("Later."), request)).not.toHaveProperty("reason");
  });

  test("an error of HTTP keeps its headers", () => {
    const error = new HttpError("method_not_allowed", "No.", { allow: "GET" });
    expect(problemResponse(error, request).headers).toEqual({ ...always, allow: "GET" });
    const overloaded = problemResponse(new HttpError("unavailable", "Later."), request);
    expect(overloaded.headers).toEqual({ ...always, "retry-after": "2" });
  });
});

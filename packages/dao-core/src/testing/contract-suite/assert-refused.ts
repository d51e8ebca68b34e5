import assert from "node:assert/strict";
import { type DaoError, type DaoErrorCode, isDaoError } from "../../contract/errors.ts";

/** A call that is expected to reject. */
type Call = Promise<unknown>;

async function rejectionOf(call: Call): Promise<unknown> {
  try {
    const result = await call;
    assert.fail(`expected a rejection, got ${JSON.stringify(result)?.slice(0, 300)}`);
  } catch (error) {
    if (error instanceof assert.AssertionError) throw error;
    return error;
  }
}

/** Asserts that `call` rejects with the error of this code. Messages are not compared. */
export async function assertRefused(call: Call, code: DaoErrorCode): Promise<DaoError> {
  const error = await rejectionOf(call);
  // Not `instanceof`: the services may come from another copy of the package.
  assert.ok(isDaoError(error), `expected a DaoError with code ${code}, got ${String(error)}`);
  assert.equal(error.code, code, `expected code ${code}, got ${error.code}: ${error.message}`);
  return error;
}

/** Asserts that `call` rejects with a `ValidationError` that names each of these fields, in camelCase. */
export async function assertInvalid(call: Call, ...paths: string[]): Promise<void> {
  const found = issuePaths(await assertRefused(call, "validation_failed"));
  assert.ok(found.length > 0, "a ValidationError has at least one issue");
  for (const path of paths) {
    assert.ok(found.includes(path), `expected an issue at "${path}", got issues at ${JSON.stringify(found)}`);
  }
}

/** Asserts that `call` rejects with a `ValidationError` about something within this field. */
export async function assertInvalidWithin(call: Call, field: string): Promise<void> {
  const found = issuePaths(await assertRefused(call, "validation_failed"));
  const isWithin = (path: string) => path === field || path.startsWith(`${field}.`);
  assert.ok(found.some(isWithin), `expected an issue within "${field}", got issues at ${JSON.stringify(found)}`);
}

/** Asserts that `call` rejects with a `NotFoundError`. */
export async function assertNotFound(call: Call): Promise<void> {
  await assertRefused(call, "not_found");
}

/** Asserts that `call` rejects with a `ConflictError`. */
export async function assertConflict(call: Call): Promise<void> {
  await assertRefused(call, "conflict");
}

/** Asserts that `call` rejects with a `RelatedRowMissingError` that names the field and the id. */
export async function assertRelatedRowMissing(call: Call, field: string, id: string): Promise<void> {
  const error = await assertRefused(call, "related_row_missing");
  assert.deepEqual({ field: Reflect.get(error, "field"), id: Reflect.get(error, "id") }, { field, id });
}

/** Asserts that `call` rejects with `reason` itself. */
export async function assertRejectsWith(call: Call, reason: unknown): Promise<void> {
  const error = await rejectionOf(call);
  assert.equal(error, reason, `expected the signal's own reason, got ${String(error)}`);
}

function issuePaths(error: DaoError): string[] {
  const issues: unknown = Reflect.get(error, "issues");
  assert.ok(Array.isArray(issues), "a ValidationError has issues");
  return issues.map((issue: { readonly path: string }) => issue.path);
}

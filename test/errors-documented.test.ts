import { readFileSync } from "node:fs";
import * as core from "@flux/dao-core";
import { describe, expect, test } from "vitest";

const page = readFileSync(new URL("../docs/errors.md", import.meta.url), "utf8");
const contract = [
  [400, "validation_failed"],
  [403, "invalid_service_key"],
  [404, "not_found"],
  [405, "method_not_allowed"],
  [409, "conflict"],
  [413, "payload_too_large"],
  [415, "unsupported_media_type"],
  [422, "related_row_missing"],
  [500, "internal_error"],
  [503, "unavailable"],
] as const;

describe("docs/errors.md is complete", () => {
  test.each(core.DAO_ERROR_CODES)("code %s has its row, with a class that is exported", (code) => {
    const row = new RegExp(`^\\| \`${code}\` \\| \`(\\w+)\` \\|`, "m").exec(page);
    expect(row, `no row for ${code}`).not.toBeNull();
    expect(Object.keys(core)).toContain(row?.[1]);
  });

  test("every error class is listed", () => {
    const classes = Object.entries(core)
      .filter(([name, value]) => typeof value === "function" && value.prototype instanceof core.DaoError && name)
      .map(([name]) => name);
    expect(classes).toHaveLength(core.DAO_ERROR_CODES.length);
    for (const name of classes) expect(page).toContain(`| \`${name}\` |`);
  });

  test.each(contract)("status %i is listed with code %s", (status, code) => {
    expect(page).toContain(`| ${status} | \`${code}\` |`);
  });
});

import { readFileSync } from "node:fs";
import * as core from "@flux/dao-core";
import { PROBLEM_CODES } from "@flux/dao-http";
import { describe, expect, test } from "vitest";

const page = readFileSync(new URL("../docs/errors.md", import.meta.url), "utf8");
describe("docs/errors.md is complete", () => {
  test.each(core.DAO_ERROR_CODES)("code %s has its row, with an exported class", (code) => {
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

  test.each(Object.entries(PROBLEM_CODES))(
    "code %s of the REST API has its row, with its status",
    (code, { status }) => {
      expect(page).toMatch(new RegExp(`^\\| ${status} \\| \`${code}\` \\|`, "m"));
    },
  );
});

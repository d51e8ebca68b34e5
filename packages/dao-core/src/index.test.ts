import { expect, test } from "vitest";
import * as contract from "./contract/index.ts";
import * as core from "./index.ts";

// Both lists are kept by hand, so that each name is exported on purpose.
test("whoever has the package has all of its contract, and the very same things", () => {
  expect(Object.keys(contract).length).toBeGreaterThan(30);
  expect(core).toMatchObject(contract);
});

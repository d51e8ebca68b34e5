import { expect, test } from "vitest";
import * as z from "zod";
import { dtoRegistry } from "./index.ts";

test.each([...dtoRegistry._idmap])("the example of %s is valid", (_, schema) => {
  expect(z.safeParse(schema, dtoRegistry.get(schema)?.example).error).toBeUndefined();
});

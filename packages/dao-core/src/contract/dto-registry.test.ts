import { expect, test } from "vitest";
import * as z from "zod";
import { dtoRegistry, exampleOf } from "./index.ts";

test.each([...dtoRegistry._idmap])("the example of %s is valid", (_, schema) => {
  expect(z.safeParse(schema, exampleOf(schema)).error).toBeUndefined();
});

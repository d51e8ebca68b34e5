import { expect, test } from "vitest";
import { hostDriver } from "./host-driver.ts";

test("a loss that the client reports, without a code, by the end of its transaction has one", async () => {
  const driver = hostDriver({
    description: "a client",
    handle: {},
    execute: () => new Promise(() => undefined),
    async transaction(work) {
      void work({});
      throw new Error("Connection terminated unexpectedly");
    },
  });
  const call = driver.execute("select 1", [], { signal: new AbortController().signal });
  await expect(call).rejects.toMatchObject({ code: "CONNECTION_CLOSED" });
});

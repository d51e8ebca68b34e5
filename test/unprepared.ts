import { vi } from "vitest";

/**
 * A set-up file for `FLUX_TEST_PREPARE=false`: unless a test sets it, PostgreSQL is opened with `prepare: false`, as
 * behind a transaction-pooling proxy.
 */
vi.mock("../packages/dao-core/src/drivers/postgres/driver.ts", async (importOriginal) => {
  const original = await importOriginal<typeof import("../packages/dao-core/src/drivers/postgres/driver.ts")>();
  class UnpreparedDriver extends original.PostgresDriver {
    constructor(...[location, options = {}]: ConstructorParameters<typeof original.PostgresDriver>) {
      super(location, { ...options, prepare: options.prepare ?? false });
    }
  }
  return { ...original, PostgresDriver: UnpreparedDriver };
});

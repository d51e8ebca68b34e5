import { vi } from "vitest";

/**
 * A set-up file for `FLUX_TEST_PREPARE=false`: unless a test sets it, PostgreSQL is opened with `prepare: false`, as
 * behind a transaction-pooling proxy.
 */
vi.mock("../packages/dao-core/src/drivers/postgres/driver.ts", async (importOriginal) => {
  const original = await importOriginal<typeof import("../packages/dao-core/src/drivers/postgres/driver.ts")>();
  const postgresDriver: typeof original.postgresDriver = (location, options = {}) =>
    original.postgresDriver(location, { ...options, prepare: options.prepare ?? false });
  return { ...original, postgresDriver };
});

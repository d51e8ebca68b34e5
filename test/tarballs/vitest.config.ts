import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

/** `pnpm check:tarballs`, separate from `pnpm test`: it needs what is built, and packages from the registry. */
export default defineConfig({
  root: fileURLToPath(new URL("../..", import.meta.url)),
  test: {
    include: ["test/tarballs/*.check.ts"],
    globalSetup: ["test/global-setup.ts", "test/tarballs/global-setup.ts"],
    maxWorkers: 2,
    testTimeout: 120_000,
    hookTimeout: 300_000,
  },
});

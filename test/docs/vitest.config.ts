import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { alias } from "../../vitest.config.ts";

/** `pnpm check:docs`: apart from `pnpm test`, since it needs what is built, and packages from the registry. */
export default defineConfig({
  root: fileURLToPath(new URL("../..", import.meta.url)),
  resolve: { alias },
  test: {
    include: ["test/docs/*.check.ts"],
    globalSetup: ["test/global-setup.ts"],
  },
});

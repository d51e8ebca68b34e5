import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { alias } from "../../vitest.config.ts";

/** `pnpm check:docs`, separate from `pnpm test`: it needs the built packages, and others from the registry. */
export default defineConfig({
  root: fileURLToPath(new URL("../..", import.meta.url)),
  resolve: { alias },
  test: {
    include: ["test/docs/*.check.ts"],
    globalSetup: ["test/global-setup.ts"],
  },
});

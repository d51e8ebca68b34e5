import { defineConfig } from "vitest/config";
import { alias } from "./vitest.config.ts";

// What looks at the packages as they are built, and at the documentation: slower than a test, so each has a command.
export default defineConfig({
  resolve: { alias },
  test: {
    include: ["test/docs/**/*.check.ts"],
    globalSetup: ["test/global-setup.ts"],
  },
});

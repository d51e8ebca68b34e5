import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { alias } from "../../vitest.config.ts";

/** Tests of the REST API that need only its URL and a key, and that tolerate rows written by others. */
const REST_TESTS = [
  "authentication",
  "bulk-update",
  "concurrency",
  "demo-flags",
  "goals",
  "guide-flows",
  "instants",
  "json-values",
  "malformed-http",
  "milestones-conversations",
  "openapi",
  "page-links",
  "patch",
  "paths",
  "tasks",
  "users",
];

export default defineConfig({
  root: fileURLToPath(new URL("../..", import.meta.url)),
  resolve: { alias },
  test: {
    name: "black-box",
    include: ["test/black-box/**/*.test.ts", ...REST_TESTS.map((name) => `test/rest/${name}.test.ts`)],
    globalSetup: ["test/black-box/read-deployment.ts"],
    silent: "passed-only",
    testTimeout: 30_000,
  },
});

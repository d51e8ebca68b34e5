import { defineConfig } from "drizzle-kit";

export default defineConfig({
  dialect: "postgresql",
  schema: "./packages/dao-core/src/schema/index.ts",
  out: "./drizzle",
});

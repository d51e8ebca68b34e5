import { defineConfig } from "drizzle-kit";

export default defineConfig({
  dialect: "postgresql",
  schema: "./packages/dao-core/src/schema/tables.ts",
  out: "./drizzle",
});

import { defineConfig } from "drizzle-kit";

export default defineConfig({
  dialect: "postgresql",
  schema: "./packages/dao-core/src/schema/index.ts",
  out: "./drizzle",
  // For drizzle-kit studio.
  ...(process.env["DATABASE_URL"] !== undefined && { dbCredentials: { url: process.env["DATABASE_URL"] } }),
});

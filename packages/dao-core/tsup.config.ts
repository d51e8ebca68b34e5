import { defineConfig } from "tsup";

export default defineConfig({
  entry: [
    "src/index.ts",
    "src/contract/index.ts",
    "src/contract/errors.ts",
    "src/schema/index.ts",
    "src/testing/index.ts",
  ],
  format: "esm",
  target: "node20",
  dts: true,
  sourcemap: true,
  clean: true,
});

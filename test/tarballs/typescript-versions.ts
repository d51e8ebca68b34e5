/** Whether to test every supported version (`pnpm check:long`), and not only the ends. */
export const isLong = process.env["FLUX_CHECK"] === "long";

/** The lowest version that the documentation promises, this repository's, and the newest. */
export const TYPESCRIPT_VERSIONS: readonly string[] = isLong
  ? ["5.6.3", "5.7.3", "5.8.3", "5.9.3", "6.0.3", "7.0.2"]
  : ["5.6.3", "6.0.3", "7.0.2"];

/** The name under which a version of TypeScript is installed, beside the others. */
export const typescriptFolder = (version: string) => `typescript-${version}`;

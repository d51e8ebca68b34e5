/** Whether to try every version that is promised (`pnpm check:long`), and not only the ends. */
export const isLong = process.env["FLUX_CHECK"] === "long";

/** As users have them: the lowest that the documentation promises, this repository's, and the newest. */
export const TYPESCRIPT_VERSIONS: readonly string[] = isLong ? ["5.8.3", "6.0.3", "7.0.2"] : ["6.0.3", "7.0.2"];

/** The name that a version of TypeScript is installed under, beside the others. */
export const typescriptFolder = (version: string) => `typescript-${version}`;

/** As users have them: the lowest that the documentation promises, this repository's, and the newest. */
export const TYPESCRIPT_VERSIONS = ["5.8.3", "6.0.3", "7.0.2"] as const;

/** The name that a version of TypeScript is installed under, beside the others. */
export const typescriptFolder = (version: string) => `typescript-${version}`;

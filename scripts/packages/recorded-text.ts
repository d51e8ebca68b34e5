import { readFile, writeFile } from "node:fs/promises";
import { relative } from "node:path";
import { errorCode } from "../postgres/error-code.ts";

/** A generated file that is committed, so that changes are reviewed. */
export interface RecordedText {
  readonly file: string;
  readonly text: string;
}

/**
 * Writes the files. With `--check` in the arguments it compares them instead; if one differs, it names the file and the
 * command that writes it, and the process exits with 1.
 */
export async function writeOrCheck(records: readonly RecordedText[], command: string): Promise<void> {
  for (const { file, text } of records) {
    if (!process.argv.includes("--check")) {
      await writeFile(file, text);
    } else if ((await read(file)) !== text) {
      const name = relative(process.cwd(), file);
      process.stderr.write(`${name} differs from the build. Run '${command}', review the difference, and commit it.\n`);
      process.exitCode = 1;
    }
  }
}

/** Normalizes line endings, which depend on the checkout; `undefined` if there is no file. */
async function read(file: string): Promise<string | undefined> {
  try {
    return (await readFile(file, "utf8")).replaceAll("\r\n", "\n");
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

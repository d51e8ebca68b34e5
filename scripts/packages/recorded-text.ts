import { readFile, writeFile } from "node:fs/promises";
import { relative } from "node:path";
import { errorCode } from "../postgres/error-code.ts";

/** A file that a script writes, and that a review reads. */
export interface RecordedText {
  readonly file: string;
  readonly text: string;
}

/**
 * Writes the files; with `--check` in the arguments it compares them instead, and the process ends with 1 where one
 * differs, with a sentence that names the file and the command that writes it.
 */
export async function writeOrCheck(records: readonly RecordedText[], command: string): Promise<void> {
  for (const { file, text } of records) {
    if (!process.argv.includes("--check")) {
      await writeFile(file, text);
    } else if ((await read(file)) !== text) {
      const name = relative(process.cwd(), file);
      process.stderr.write(`${name} is not what the build says. Run '${command}', review the difference, commit it.\n`);
      process.exitCode = 1;
    }
  }
}

/** Line ends as in the repository, whatever the checkout made of them; `undefined` where there is no file. */
async function read(file: string): Promise<string | undefined> {
  try {
    return (await readFile(file, "utf8")).replaceAll("\r\n", "\n");
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

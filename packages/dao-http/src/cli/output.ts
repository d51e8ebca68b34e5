/** Writes lines for a person; standard output is for programs: the log, a document, a result. */
export function writeStderr(...lines: readonly string[]): void {
  for (const line of lines) process.stderr.write(`${line}\n`);
}

/**
 * Writes a result. Resolves when all of it is written, however slow its reader is, or when the reader has closed it, as `head`
 * does.
 */
export function writeStdout(text: string): Promise<void> {
  const { stdout } = process;
  return new Promise((resolve, reject) => {
    // The callback gets the error; the event needs a listener too.
    stdout.once("error", () => undefined);
    stdout.write(text.endsWith("\n") ? text : `${text}\n`, (error) => {
      if (error == null || isReaderGone(error)) resolve();
      else reject(error);
    });
  });
}

const isReaderGone = (error: Error) => "code" in error && error.code === "EPIPE";

/** For a person; standard output is for what a program reads: the log, a document, a result. */
export function writeStderr(...lines: readonly string[]): void {
  for (const line of lines) process.stderr.write(`${line}\n`);
}

/**
 * A result. Resolves when all of it is written, however slow its reader, or when the reader wants no more of it, as `head`
 * does.
 */
export function writeStdout(text: string): Promise<void> {
  const { stdout } = process;
  return new Promise((resolve, reject) => {
    // Whoever writes is told, and the stream's listeners are.
    stdout.once("error", () => undefined);
    stdout.write(text.endsWith("\n") ? text : `${text}\n`, (error) => {
      if (error == null || isReaderGone(error)) resolve();
      else reject(error);
    });
  });
}

const isReaderGone = (error: Error) => "code" in error && error.code === "EPIPE";

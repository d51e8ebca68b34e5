/** For a person; standard output is for what a program reads: the log, a document, a result. */
export function say(...lines: readonly string[]): void {
  for (const line of lines) process.stderr.write(`${line}\n`);
}

/** A result. Resolves when all of it is written, however slow its reader. */
export function print(text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(text.endsWith("\n") ? text : `${text}\n`, (error) => (error ? reject(error) : resolve()));
  });
}

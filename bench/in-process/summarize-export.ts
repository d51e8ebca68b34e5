/** Consumes every task; the result shows whether all of them arrived. */
export async function summarizeExport(tasks: AsyncIterable<{ readonly title: string }>) {
  let count = 0;
  let titleLength = 0;
  for await (const { title } of tasks) {
    count++;
    titleLength += title.length;
  }
  return { count, title_length: titleLength };
}

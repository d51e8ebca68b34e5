/**
 * Tasks as they were when an answer first had them. Creating many at once answers none of them, and so no id and no
 * moment; whoever changes one has seen it before. So a title of its own tells which task of which call a row is.
 */
export class FirstSeenTasks {
  readonly #byTitle = new Map<string, Readonly<Record<string, unknown>>[]>();
  /** An id that was deleted may be given again: the moment tells the rows apart. */
  readonly #seen = new Set<string>();

  add(row: Readonly<Record<string, unknown>>): void {
    const { id, createdAt, title } = row;
    const key = `${String(id)} ${createdAt instanceof Date ? createdAt.getTime() : ""}`;
    if (this.#seen.has(key)) return;
    this.#seen.add(key);
    this.#byTitle.set(String(title), [...this.byTitle(String(title)), row]);
  }

  byTitle(title: string): readonly Readonly<Record<string, unknown>>[] {
    return this.#byTitle.get(title) ?? [];
  }
}

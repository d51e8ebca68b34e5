/**
 * Tasks as a call first returned them. An import returns neither ids nor creation times, and a task can only be changed by a
 * caller who has seen it. Unique titles therefore identify which task of which import a row is.
 */
export class FirstSeenTasks {
  readonly #byTitle = new Map<string, Readonly<Record<string, unknown>>[]>();
  /** An id can be reused after a delete: the creation time tells the rows apart. */
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

import { versionOf } from "@flux/dao-core";
import { FirstSeenTasks } from "./first-seen-tasks.ts";

export const KINDS = ["user", "goal", "milestone", "task", "conversation", "demoFlags"] as const;
/** An entity. Demo flags have no id of their own: their user's stands for it. */
export type Kind = (typeof KINDS)[number];

export type Fields = Readonly<Record<string, unknown>>;

interface KnownRow {
  readonly kind: Kind;
  readonly row: Fields;
  readonly versions: readonly string[];
  readonly isGone: boolean;
}

/** What callers know of the rows from the results of their calls: references in operations resolve to it. */
export class KnownRows {
  readonly #rows = new Map<string, KnownRow>();
  readonly #cursors = new Map<Kind, string[]>();
  readonly #tasks = new FirstSeenTasks();
  #imported = 0;

  /** In the order in which they were first returned. */
  ids(kind: Kind, which: "live" | "gone"): string[] {
    const isWanted = (known: KnownRow) => known.kind === kind && known.isGone === (which === "gone");
    return [...this.#rows.values()].filter(isWanted).map(({ row }) => idOf(kind, row));
  }

  /** The versions of a row, latest last. */
  versions(kind: Kind, id: string): readonly string[] {
    return this.#rows.get(`${kind} ${id}`)?.versions ?? [];
  }

  /** The cursors that lists of this kind have returned, latest last. */
  cursors(kind: Kind): readonly string[] {
    return this.#cursors.get(kind) ?? [];
  }

  /** A title that no task has had yet. */
  newTitle(): string {
    return `Imported ${++this.#imported}`;
  }

  /** The tasks that had this title when they were first returned. */
  tasksFirstSeenAs(title: string): readonly Fields[] {
    return this.#tasks.byTitle(title);
  }

  createdAt(kind: Kind, id: string): Date | undefined {
    const createdAt = this.#rows.get(`${kind} ${id}`)?.row["createdAt"];
    return createdAt instanceof Date ? createdAt : undefined;
  }

  /** Records a row that a call returned. */
  learn(kind: Kind, row: Fields): void {
    const key = `${kind} ${idOf(kind, row)}`;
    if (kind === "task") this.#tasks.add(row);
    const version = versionOf(row);
    const versions = this.#rows.get(key)?.versions ?? [];
    const isNew = versions.at(-1) !== version;
    this.#rows.set(key, { kind, row, versions: isNew ? [...versions, version] : versions, isGone: false });
  }

  /** Records the cursor of a page that is not the last. */
  learnCursor(kind: Kind, cursor: string): void {
    this.#cursors.set(kind, [...this.cursors(kind), cursor]);
  }

  /** Records that a row is deleted, with everything that belonged to it. */
  forget(kind: Kind, id: string): void {
    const key = `${kind} ${id}`;
    const known = this.#rows.get(key);
    if (known === undefined || known.isGone) return;
    this.#rows.set(key, { ...known, isGone: true });
    for (const child of this.#rows.values()) {
      const isOfIt = Object.entries(child.row).some(([field, value]) => field === `${kind}Id` && value === id);
      if (isOfIt) this.forget(child.kind, idOf(child.kind, child.row));
    }
  }
}

/** The id of a row. */
export function idOf(kind: Kind, row: Fields): string {
  return String(row[kind === "demoFlags" ? "userId" : "id"]);
}

export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

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

/** What callers have learned of the rows by the answers that they got: what references in operations can mean. */
export class KnownRows {
  readonly #rows = new Map<string, KnownRow>();
  readonly #cursors = new Map<Kind, string[]>();
  readonly #tasks = new FirstSeenTasks();
  #imported = 0;

  /** In the order in which they were first heard of. */
  ids(kind: Kind, which: "live" | "gone"): string[] {
    const isWanted = (known: KnownRow) => known.kind === kind && known.isGone === (which === "gone");
    return [...this.#rows.values()].filter(isWanted).map(({ row }) => idOf(kind, row));
  }

  /** The versions of a row, latest last. */
  versions(kind: Kind, id: string): readonly string[] {
    return this.#rows.get(`${kind} ${id}`)?.versions ?? [];
  }

  /** The cursors that pages of this kind have answered, latest last. */
  cursors(kind: Kind): readonly string[] {
    return this.#cursors.get(kind) ?? [];
  }

  /** A title that no task has had yet. */
  newTitle(): string {
    return `Imported ${++this.#imported}`;
  }

  /** The tasks that had this title when somebody first saw them. */
  tasksFirstSeenAs(title: string): readonly Fields[] {
    return this.#tasks.byTitle(title);
  }

  createdAt(kind: Kind, id: string): Date | undefined {
    const createdAt = this.#rows.get(`${kind} ${id}`)?.row["createdAt"];
    return createdAt instanceof Date ? createdAt : undefined;
  }

  /** Somebody was answered this row. */
  learn(kind: Kind, row: Fields): void {
    const key = `${kind} ${idOf(kind, row)}`;
    if (kind === "task") this.#tasks.add(row);
    const version = versionOf(row);
    const versions = this.#rows.get(key)?.versions ?? [];
    const isNew = versions.at(-1) !== version;
    this.#rows.set(key, { kind, row, versions: isNew ? [...versions, version] : versions, isGone: false });
  }

  /** Somebody was answered a page with another one behind it. */
  learnCursor(kind: Kind, cursor: string): void {
    this.#cursors.set(kind, [...this.cursors(kind), cursor]);
  }

  /** Somebody was told that this row is gone, and all that belonged to it with it. */
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

/** What a row goes by. */
export function idOf(kind: Kind, row: Fields): string {
  return String(row[kind === "demoFlags" ? "userId" : "id"]);
}

export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

import type { Kind, KnownRows } from "./known-rows.ts";

/**
 * Stands in the arguments of an operation for what is only known during a sequence, such as the id of the second task.
 * An operation is therefore plain data, is valid after any others, and can be shrunk by fast-check.
 */
export abstract class Reference {
  /** Its value, given the results so far. */
  abstract resolve(known: KnownRows): unknown;
  /** TypeScript that creates it. */
  abstract toString(): string;
}

class RowId extends Reference {
  readonly #kind: Kind;
  readonly #from: "live" | "gone";
  readonly #pick: number;

  constructor(kind: Kind, from: "live" | "gone", pick: number) {
    super();
    this.#kind = kind;
    this.#from = from;
    this.#pick = pick;
  }

  resolve(known: KnownRows): string {
    const ids = known.ids(this.#kind, this.#from);
    return ids[this.#pick % ids.length] ?? never(this.#pick).resolve();
  }

  toString(): string {
    return `${this.#from}(${JSON.stringify(this.#kind)}, ${this.#pick})`;
  }
}

class NeverId extends Reference {
  readonly #pick: number;

  constructor(pick: number) {
    super();
    this.#pick = pick;
  }

  resolve(): string {
    return `00000000-0000-4000-8000-${String(this.#pick).padStart(12, "0")}`;
  }

  toString(): string {
    return `never(${this.#pick})`;
  }
}

class UpperCase extends Reference {
  readonly #id: Reference;

  constructor(id: Reference) {
    super();
    this.#id = id;
  }

  resolve(known: KnownRows): string {
    return String(this.#id.resolve(known)).toUpperCase();
  }

  toString(): string {
    return `upperCase(${this.#id})`;
  }
}

class Version extends Reference {
  readonly #kind: Kind;
  readonly #row: Reference;
  readonly #back: number;

  constructor(kind: Kind, row: Reference, back: number) {
    super();
    this.#kind = kind;
    this.#row = row;
    this.#back = back;
  }

  resolve(known: KnownRows): string {
    const id = String(this.#row.resolve(known)).toLowerCase();
    return known.versions(this.#kind, id).at(-1 - this.#back) ?? "no-version-that-is";
  }

  toString(): string {
    return `version(${JSON.stringify(this.#kind)}, ${this.#row}, ${this.#back})`;
  }
}

class Creation extends Reference {
  readonly #task: Reference;
  readonly #shift: number;

  constructor(task: Reference, shift: number) {
    super();
    this.#task = task;
    this.#shift = shift;
  }

  resolve(known: KnownRows): Date {
    const createdAt = known.createdAt("task", String(this.#task.resolve(known)).toLowerCase());
    return new Date((createdAt?.getTime() ?? 0) + this.#shift);
  }

  toString(): string {
    return `creation(${this.#task}, ${this.#shift})`;
  }
}

class Cursor extends Reference {
  readonly #kind: Kind;
  readonly #back: number;

  constructor(kind: Kind, back: number) {
    super();
    this.#kind = kind;
    this.#back = back;
  }

  resolve(known: KnownRows): string | undefined {
    const cursors = known.cursors(this.#kind);
    return cursors.at(-1 - (this.#back % cursors.length));
  }

  toString(): string {
    return `cursor(${JSON.stringify(this.#kind)}, ${this.#back})`;
  }
}

class NewTitle extends Reference {
  resolve(known: KnownRows): string {
    return known.newTitle();
  }

  toString(): string {
    return "newTitle()";
  }
}

/** The id of a row that existed when it was last seen; if there is none, the id of no row. */
export const live = (kind: Kind, pick: number): Reference => new RowId(kind, "live", pick);
/** The id of a deleted row; if there is none, the id of no row. */
export const gone = (kind: Kind, pick: number): Reference => new RowId(kind, "gone", pick);
/** An id that no row ever has. */
export const never = (pick: number): NeverId => new NeverId(pick);
/** The same id in upper case, which is equal. */
export const upperCase = (id: Reference): Reference => new UpperCase(id);
/** The version that a row had `back` versions ago, as its caller saw it. */
export const version = (kind: Kind, row: Reference, back: number): Reference => new Version(kind, row, back);
/** The cursor that a list of this kind returned `back` pages ago; if there is none, `undefined`, for the first page. */
export const cursor = (kind: Kind, back: number): Reference => new Cursor(kind, back);
/** A title that no other task gets: it identifies a task that was created without being returned. */
export const newTitle = (): Reference => new NewTitle();
/** The creation time of a task, `shift` milliseconds later. */
export const creation = (task: Reference, shift: number): Reference => new Creation(task, shift);

/** A copy of `value` with all references resolved, so that no call can change the arguments of another. */
export function resolve(value: unknown, known: KnownRows): unknown {
  if (value instanceof Reference) return value.resolve(known);
  if (Array.isArray(value)) return value.map((member) => resolve(member, known));
  if (typeof value !== "object" || value === null || value instanceof Date) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, resolve(member, known)]));
}

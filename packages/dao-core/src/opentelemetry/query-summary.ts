/** What a statement does to which tables, as far as one name says it. */
export interface QuerySummary {
  /** Operations and tables in the order of the text: `insert goals insert milestones select`. Nested ones are one. */
  readonly text: string;
  /** The operation, where all are the same. */
  readonly operation: string | undefined;
  /** The table, where there is no other. */
  readonly table: string | undefined;
}

/** `update` alone is a lock (`for update`) or a part of an insert (`do update`). */
const keywords = /\b(?:(explain|select)\b|(insert into|delete from|update|from|join) "(\w+)")/g;

/** Keywords that are no operations but lead to a table of one. */
const targetsOnly: ReadonlySet<string> = new Set(["from", "join"]);

/**
 * The summary of one of the data layer's own statements, which are all written by Drizzle: in lower case, with each name in
 * double quotes. It has no value in it, and there are as few of it as there are kinds of statements.
 */
export function summarize(statement: string): QuerySummary {
  const own = new Set([...statement.matchAll(/"(\w+)" as \(/g)].map(([, name]) => name));
  const words: string[] = [];
  const found = { operations: new Set<string>(), tables: new Set<string>() };
  for (const [, bare, keyword = "", name] of statement.matchAll(keywords)) {
    const [operation = ""] = (bare ?? keyword).split(" ");
    if (!targetsOnly.has(operation)) {
      // A query around another one, and the one in it, are one operation.
      if (words.at(-1) !== operation) words.push(operation);
      found.operations.add(operation);
    }
    if (name === undefined || own.has(name)) continue;
    words.push(name);
    found.tables.add(name);
  }
  return { text: words.join(" "), operation: only(found.operations), table: only(found.tables) };
}

function only(names: ReadonlySet<string>): string | undefined {
  const [first, second] = names;
  return second === undefined ? first : undefined;
}

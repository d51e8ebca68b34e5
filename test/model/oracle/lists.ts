import { toCode } from "../code.ts";
import { type Fields, isFields, type Kind } from "../known-rows.ts";
import { ENTITIES } from "./entities.ts";
import { differs, differsFromRow, type Expectation, type Fault, refused, returned } from "./expectation.ts";
import { type Broken, brokenAt, brokenUnless, joinBroken } from "./input.ts";
import { refusedInput } from "./rows.ts";
import { oneOf, type Rule, wholeNumber } from "./rules.ts";
import type { Row, State } from "./state.ts";

const MOST = Number.MAX_SAFE_INTEGER;
const PAGING: Readonly<Record<string, Rule>> = {
  page: wholeNumber(1, MOST),
  pageSize: wholeNumber(1, 100),
  skip: wholeNumber(0, MOST),
  limit: wholeNumber(1, 100),
  count: oneOf("exact", "estimated", "none"),
};

/**
 * The total of a page that does not show it: counted by a statement of its own, so it may be of another moment of the call, but is at
 * least the number of rows that the page shows to exist.
 */
export class Total {
  readonly total: unknown;
  readonly #shown: number;

  constructor(total: unknown, shown: number) {
    this.total = total;
    this.#shown = shown;
  }

  whereThereAre(rows: number): number {
    return Math.max(rows, this.#shown);
  }
}

export function listRows(state: State, kind: Kind, request: unknown): Expectation {
  const asked = request === undefined ? {} : request;
  if (!isFields(asked)) return refused({ code: "validation_failed", broken: brokenAt("") });
  const { cursor } = asked;
  const isCursor: Rule = (value) => state.rowAt(value) !== undefined;
  const invalid = refusedInput(brokenRequest(kind, asked, { ...PAGING, cursor: isCursor }));
  if (invalid !== undefined) return invalid;
  const rows = rowsOf(state, kind, asked);
  const window = windowOf(asked);
  const before = state.rowAt(cursor);
  return returned((answer) => {
    if (answer instanceof Total) return differs(answer.total, answer.whereThereAre(rows.length));
    if (!isFields(answer)) return `must return a page, not ${toCode(answer)}`;
    const { items, nextCursor, ...rest } = answer;
    const behind = before === undefined ? rows : rowsBehind(state, rows, before, items);
    const slice = behind.slice(window.skip, window.skip + window.size);
    const fault = differsFromRows(state, items, slice, behind, newestFirst(state));
    if (fault !== undefined) return fault;
    const isMore = behind.length > window.skip + window.size;
    const mayBeMore = before !== undefined && isOpen(state, rows, before, items);
    const page = {
      // So few rows are counted even if an estimate is permitted.
      total: asked["count"] === "none" ? null : rows.length,
      page: before === undefined ? window.page : null,
      pageSize: window.size,
      hasNext: isMore || (mayBeMore && nextCursor !== null),
      hasPrev: before !== undefined || window.skip > 0,
    };
    return differs(rest, page) ?? endPage(state, kind, page.hasNext, nextCursor, items);
  });
}

/** A filter is a value, 1 to 100 of them, or null where the field may be null. */
export function brokenFilter(kind: Kind, name: string, value: unknown): Broken {
  const { filters, fields } = ENTITIES[kind];
  const rule = filters[name];
  if (rule === undefined) return brokenAt(name);
  if (value === null) return brokenUnless(fields[name]?.isNullable === true, name);
  if (!Array.isArray(value)) return brokenUnless(rule(value), name);
  if (value.length < 1 || value.length > 100) return brokenAt(name);
  return joinBroken(...value.map((one: unknown, index) => brokenUnless(rule(one), `${name}.${index}`)));
}

export const newestFirst = (state: State) => (a: Row, b: Row) => state.byAge(b, a);

/** Broken rules of single parameters; and conflicts between parameters, which need not be checked then. */
function brokenRequest(kind: Kind, asked: Fields, rules: Readonly<Record<string, Rule>>): Broken {
  const given = Object.entries(asked).filter(([, value]) => value !== undefined);
  const { certain } = joinBroken(
    ...given.map(([name, value]) => {
      const rule = rules[name];
      return rule === undefined ? brokenFilter(kind, name, value) : brokenUnless(rule(value), name);
    }),
  );
  const has = (...names: string[]) => given.some(([name]) => names.includes(name));
  const besideCursor = has("cursor") ? ["page", "skip"].filter((name) => has(name)) : [];
  // The specification does not define which of the two styles is the wrong one.
  const mixed = has("page", "pageSize") && has("skip", "limit") ? ["skip", "limit"] : [];
  // A well-formed cursor that no page has returned may be detected last.
  const cursor = certain.filter((name) => name === "cursor");
  const others = certain.filter((name) => name !== "cursor");
  if (others.length > 0) return { certain: others, possible: [...cursor, ...besideCursor, ...mixed] };
  if (cursor.length === 0) return { certain: besideCursor, possible: mixed };
  const isAlone = besideCursor.length + mixed.length === 0;
  return isAlone ? brokenAt("cursor") : { certain: [], possible: [...cursor, ...besideCursor, ...mixed] };
}

/** The rows that a request's filters select, newest first. */
export function rowsOf(state: State, kind: Kind, asked: Fields): Row[] {
  const { filters } = ENTITIES[kind];
  const wanted = Object.entries(asked).filter(([name, value]) => name in filters && value !== undefined);
  const isWanted = (row: Row) =>
    wanted.every(([name, value]) => [value].flat().some((one) => row.fields[name] === filterValue(name, one)));
  return state.rows(kind).filter(isWanted).sort(newestFirst(state));
}

function filterValue(name: string, value: unknown): unknown {
  return value !== null && name.endsWith("Id") && name !== "calendarEventId" ? String(value).toLowerCase() : value;
}

/**
 * Those of `rows` after the row `before`. If the order of rows of the same age is unknown, those among the returned `items`
 * count as after it.
 */
function rowsBehind(state: State, rows: readonly Row[], before: Row, items: unknown): Row[] {
  const answeredIds = new Set(Array.isArray(items) ? items.map((item: unknown) => isFields(item) && item["id"]) : []);
  return rows.filter((row) => {
    const byAge = state.byAge(row, before);
    if (byAge !== 0) return byAge < 0;
    return row.id !== before.id && answeredIds.has(row.id);
  });
}

/** Whether there may be more rows of the same age as `before` after it than the page `items` has. */
function isOpen(state: State, rows: readonly Row[], before: Row, items: unknown): boolean {
  if (!Array.isArray(items)) return false;
  const ofItsAge = rows.filter((row) => row.id !== before.id && state.byAge(row, before) === 0).map(({ id }) => id);
  const ids = items.map((item: unknown) => isFields(item) && String(item["id"]));
  return ids.every((id) => id !== false && ofItsAge.includes(id)) && ofItsAge.length > ids.length;
}

/** A page that is not the last has a cursor, which from then on stands for its last row. */
function endPage(state: State, kind: Kind, hasNext: boolean, cursor: unknown, items: unknown): Fault {
  if (!hasNext) return differs(cursor, null);
  const last: unknown = Array.isArray(items) ? items.at(-1) : undefined;
  const row = isFields(last) ? state.find(kind, last["id"]) : undefined;
  if (typeof cursor !== "string" || row === undefined) return `must have a next cursor, not ${toCode(cursor)}`;
  state.endPage(cursor, row);
  return undefined;
}

function windowOf({ page, pageSize, skip, limit, cursor }: Fields) {
  if (cursor !== undefined) return { skip: 0, size: Number(pageSize ?? limit ?? 100), page: null };
  if (skip === undefined && limit === undefined) {
    const [number, size] = [Number(page ?? 1), Number(pageSize ?? 100)];
    return { skip: (number - 1) * size, size, page: number };
  }
  const [from, size] = [Number(skip ?? 0), Number(limit ?? 100)];
  return { skip: from, size, page: Math.floor(from / size) + 1 };
}

/**
 * Compares `answer` with the rows of `expected`, in that order. If `compare` does not order two rows, either may take the
 * other's place, if it is among `candidates`.
 */
export function differsFromRows(
  state: State,
  answer: unknown,
  expected: readonly Row[],
  candidates: readonly Row[],
  compare: (a: Row, b: Row) => number,
): Fault {
  if (!Array.isArray(answer)) return `must return a list, not ${toCode(answer)}`;
  if (answer.length !== expected.length) return `must return ${expected.length} rows, not ${toCode(answer)}`;
  const left = new Map(candidates.map((row) => [row.id, row]));
  for (const [index, row] of expected.entries()) {
    const actual: unknown = answer[index];
    const found = isFields(actual) ? left.get(String(actual["id"])) : undefined;
    if (found === undefined || compare(found, row) !== 0) return `must return ${row.id} at ${index}: ${toCode(answer)}`;
    left.delete(found.id);
    const fault = differsFromRow(state, actual, found);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

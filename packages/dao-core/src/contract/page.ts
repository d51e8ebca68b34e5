import * as z from "zod";
import { described, dto, exampleOf, examples, listOf, rowId, withCreatedAt } from "./fields/described.ts";
import { text } from "./fields/scalars.ts";

/** One page of a list, newest rows first unless another order was requested. */
export interface Page<Item> {
  /** The rows, at most as many as were requested. */
  readonly items: Item[];
  /** Number of rows that the filter matches, over all pages, at a moment of the call; `null` if `count` is `none`. */
  readonly total: number | null;
  /** From 1; with `skip` and `limit` it is `floor(skip / limit) + 1`; `null` if a cursor was given. */
  readonly page: number | null;
  /** How many rows were requested. */
  readonly pageSize: number;
  /** Whether there are rows after these. */
  readonly hasNext: boolean;
  /** Whether there are, or may be, rows before these. */
  readonly hasPrev: boolean;
  /** The `cursor` of the next page; `null` on the last. */
  readonly nextCursor: string | null;
}

/** The maximum and the default size of a page, in rows (contract, "REST"). */
export const MAX_PAGE_SIZE = 100;

/**
 * How a list's `total` is counted, with PostgREST's names. `exact` reads every row that the filter matches, or an index on them.
 * `estimated` is exact up to 1,000 rows, and beyond that the planner's estimate, as good as the table's statistics (figures:
 * docs/performance.md). `none` omits it.
 */
export const COUNT_MODES = ["exact", "estimated", "none"] as const;

export type CountMode = (typeof COUNT_MODES)[number];

const pageSize = z.int().min(1).max(MAX_PAGE_SIZE);

/** Where to continue in a list or a stream. */
const cursor = described(
  z.string().regex(/^[\w-]{1,1000}$/, { error: "must be the next cursor of a page, unchanged" }),
  "The next_cursor of the previous page, or of a stream: the response starts after it. Not together with page and skip.",
  "MjAyNi0wMi0xNFQwOTozMDowMC4xMjNa",
);

export const pageRequest = z.object({
  page: described(z.int().min(1), "From 1. Default 1. Not together with skip and limit.", 1).optional(),
  pageSize: described(pageSize, "Rows on a page. Default 100. Not together with skip and limit.", 20).optional(),
  skip: described(z.int().min(0), "Rows to skip. Default 0. Not together with page and page_size.", 0).optional(),
  limit: described(pageSize, "Rows to return. Default 100. Not together with page and page_size.", 20).optional(),
  cursor: cursor.optional(),
  count: described(
    z.enum(COUNT_MODES),
    "How total is counted. exact, the default; estimated: exact up to 1000 rows, beyond that the planner's estimate; none: " +
      "total is null.",
    "none",
  ).optional(),
});

/**
 * Which part of a list to return: by `page` and `pageSize`, by `skip` and `limit` (the two styles cannot be combined), or the
 * `pageSize` or `limit` rows after a `cursor`. A numbered page takes longer the deeper it is, and shifts when rows are
 * created in the meantime; a page after a cursor does neither.
 */
export interface PageRequest extends Readonly<z.input<typeof pageRequest>> {}

/** The names of the parameters of lists; every other name in a request is a filter. */
export const PAGING_NAMES: ReadonlySet<string> = new Set([...Object.keys(pageRequest.shape), "sort"]);

function checkPaging(request: object, context: z.RefinementCtx): void {
  const isGiven = (name: keyof PageRequest) => Reflect.get(request, name) !== undefined;
  const refuse = (name: keyof PageRequest, message: string) =>
    context.addIssue({ code: "custom", path: [name], message });
  if ((isGiven("page") || isGiven("pageSize")) && (isGiven("skip") || isGiven("limit"))) {
    refuse(isGiven("skip") ? "skip" : "limit", "cannot be combined with page numbers: use one style of paging");
  }
  if (!isGiven("cursor")) return;
  for (const name of ["page", "skip"] as const) {
    if (isGiven(name)) refuse(name, "cannot be combined with a cursor, which already says where the page starts");
  }
}

/**
 * The schemas of queries for one entity, which refuse any other key: of its rows page by page, of all of them as a stream, and of
 * their number. A row is selected if every filter matches.
 * Each is made when it is first used, since together they would take a twentieth of an import.
 * @param filters by field, besides `id` and `createdAt`, which every entity has
 * @param sorts the fields besides `createdAt` that its lists can be sorted by
 */
export function queriesOf<Filters extends z.ZodRawShape, Sort extends string>(
  filters: () => Filters,
  sorts: readonly Sort[],
) {
  const filter = once(() =>
    z
      .strictObject({
        id: anyOf(rowId(examples.task)),
        ...filters(),
        createdAt: range(withCreatedAt.createdAt),
      })
      .partial(),
  );
  const fields = ["createdAt" as const, ...sorts];
  const list = once(() => {
    const sort = described(
      z.enum(fields.flatMap((field) => [field, `-${field}`] as const)),
      "By which field, - for descending; then by id; rows without a value last. Text by its first 100 characters. Fast with a filter " +
        "by id, user or goal; without one, every row is read for each page, except by created_at. Default -created_at.",
      "-createdAt",
    ).optional();
    return filter()
      .extend({ ...pageRequest.shape, sort })
      .superRefine(checkPaging);
  });
  const stream = once(() =>
    filter().extend({
      /** Where to continue: a cursor of an earlier stream, or the `nextCursor` of a page, newest first. Default: none. */
      cursor: cursor.optional(),
    }),
  );
  return {
    get filter() {
      return filter();
    },
    get list() {
      return list();
    },
    get stream() {
      return stream();
    },
  };
}

function once<Value>(make: () => Value): () => Value {
  let made: Value | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

/** How many rows a filter matches. */
export const countDto = dto(
  "Count",
  "How many rows a filter matches.",
  z.object({ total: described(z.int().min(0), "How many rows there are.", 42) }),
);

export type Count = z.output<typeof countDto>;

/** The slice of a list that a request selects. */
export interface PageWindow {
  /** Rows to skip. */
  readonly skip: number;
  /** Rows to return. */
  readonly limit: number;
  /** The page's number; `null` after a cursor. */
  readonly page: number | null;
}

/** Returns the slice of a list that a request selects. */
export function pageWindow({ page = 1, pageSize, skip, limit, cursor }: PageRequest): PageWindow {
  if (cursor !== undefined) return { skip: 0, limit: pageSize ?? limit ?? MAX_PAGE_SIZE, page: null };
  if (skip === undefined && limit === undefined) {
    const size = pageSize ?? MAX_PAGE_SIZE;
    return { skip: (page - 1) * size, limit: size, page };
  }
  const [from, size] = [skip ?? 0, limit ?? MAX_PAGE_SIZE];
  return { skip: from, limit: size, page: Math.floor(from / size) + 1 };
}

/** Builds the page for `items`, a slice of `total` rows. @param nextCursor of the next page; `null` if there is none */
export function toPage<Item>(
  items: Item[],
  total: number | null,
  { skip, limit: pageSize, page }: PageWindow,
  nextCursor: string | null,
): Page<Item> {
  return { items, total, page, pageSize, hasNext: nextCursor !== null, hasPrev: page === null || skip > 0, nextCursor };
}

/** The schema of a {@link Page} of `item`. */
export function pageOf<Item extends z.ZodType>(item: Item) {
  return z.object({
    items: described(z.array(item), "The rows.", [exampleOf(item)]),
    total: described(z.int().min(0).nullable(), "How many rows the filter matches; null if count is none.", 1),
    page: described(z.int().min(1).nullable(), "The page's number; null after a cursor.", 1),
    pageSize: described(z.int().min(1), "How many rows were requested.", 100),
    hasNext: described(z.boolean(), "Whether there are rows after these.", false),
    hasPrev: described(z.boolean(), "Whether there are, or may be, rows before these.", false),
    nextCursor: described(z.string().nullable(), "The cursor of the next page; null on the last.", null),
  });
}

/** Maximum number of values of one filter. */
const MAX_FILTER_VALUES = 100;

const wrongNumber = { error: `must have 1 to ${MAX_FILTER_VALUES} values` };

/** A filter on a field: the value that it must have, or up to 100 of which it must have one. */
export function anyOf<Value extends z.ZodType>(value: Value) {
  return z.union([value, listOf(value, MAX_FILTER_VALUES, wrongNumber)]);
}

/** The value of a filter on a free-text column. Short, because a URL contains it, and the links to other pages do so again. */
export const filterText = (description: string, example: string) => described(text({ max: 500 }), description, example);

const mustBeRange = "must be a range: { from, before }, or one of the two";

/** A filter on the range of an instant or a number: from `from`, which is included, to `before`, which is not. */
export function range<Value extends z.ZodType<Date | number>>(value: Value) {
  return z
    .strictObject({ from: value.optional(), before: value.optional() }, { error: mustBeRange })
    .superRefine((given, context) => {
      const { from, before }: Readonly<Partial<Record<"from" | "before", Date | number | undefined>>> = given;
      const refuse = (path: string[], message: string) => context.addIssue({ code: "custom", path, message });
      if (from === undefined && before === undefined) refuse([], mustBeRange);
      else if (from !== undefined && before !== undefined && from >= before) {
        refuse(["before"], "must be after the beginning of the range, which is included; this end is not");
      }
    });
}

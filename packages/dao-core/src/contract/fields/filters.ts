import * as z from "zod";
import { described } from "./described.ts";
import { text } from "./scalars.ts";

/** Maximum number of values of one filter. */
const MAX_FILTER_VALUES = 100;

const wrongNumber = { error: `must have 1 to ${MAX_FILTER_VALUES} values` };

/** A filter on a field: the value that it must have, or up to 100 of which it must have one. */
export function anyOf<Value extends z.ZodType>(value: Value) {
  return z.union([value, z.array(value).min(1, wrongNumber).max(MAX_FILTER_VALUES, wrongNumber)]);
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

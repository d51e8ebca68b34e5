import * as z from "zod";
import * as contract from "../../packages/dao-core/src/contract/index.ts";

/**
 * The descriptions of all fields of the contract's schemas as doc comments, by variable and field: `taskDto.startTime`,
 * `taskQueries.list.sort`. Names of fields are written as in TypeScript, and defaults are added.
 */
export function fieldDescriptions(): ReadonlyMap<string, string> {
  const described = new Map<string, z.ZodType>();
  const collect = (path: string, value: unknown): void => {
    for (const [name, field] of Object.entries(fieldsOf(value))) {
      if (field instanceof z.ZodType) described.set(`${path}.${name}`, field);
      collect(`${path}.${name}`, field);
    }
  };
  for (const [name, value] of Object.entries(contract)) collect(name, value);
  const names = new Set([...described.keys()].map((path) => path.slice(path.lastIndexOf(".") + 1)));
  const descriptions = [...described].map(([path, field]) => [path, commentOf(field, names)] as const);
  return new Map(descriptions.filter(([, comment]) => comment !== ""));
}

/** The fields of a schema of an object, of what wraps it, or of a plain object of schemas. */
function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  if (value instanceof z.ZodType) {
    const inner = innerOf(value) ?? (value instanceof z.ZodArray ? value.element : undefined);
    if (inner !== undefined) return fieldsOf(inner);
    return value instanceof z.ZodObject ? value.shape : {};
  }
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype
    ? { ...value }
    : {};
}

/** What a schema wraps; of a filter its value, or an end of its range. */
function innerOf(schema: z.core.$ZodType): z.core.$ZodType | undefined {
  const { innerType, in: input, options, shape } = Object(schema._zod.def);
  return innerType ?? input ?? options?.[0] ?? shape?.from;
}

function descriptionOf(schema: z.core.$ZodType): string {
  const { description } = z.globalRegistry.get(schema) ?? {};
  const inner = innerOf(schema);
  return description ?? (inner === undefined ? "" : descriptionOf(inner));
}

function isNullable(schema: z.core.$ZodType): boolean {
  const inner = innerOf(schema);
  return schema._zod.def.type === "nullable" || (inner !== undefined && isNullable(inner));
}

function commentOf(field: z.ZodType, names: ReadonlySet<string>): string {
  const description = descriptionOf(field)
    .replace(/\b[a-z]+(?:_[a-z]+)+\b/g, (word) => {
      const name = word.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
      return names.has(name) ? `\`${name}\`` : word;
    })
    .replace(/\bnull\b/g, "`null`");
  if (description === "") return "";
  const { data } = field.safeParse(undefined);
  const what = description.includes("null") || !isNullable(field) ? "" : " `null`: none.";
  return `${description}${what}${data === undefined ? "" : ` Default \`${typeof data === "string" ? data : JSON.stringify(data)}\`.`}`;
}

import { isJsonField, toCamelCase, toSnakeCase } from "./field-names.ts";

function mapPath(
  path: string,
  rename: (name: string) => string | undefined,
  isJson: (name: string) => boolean,
): string {
  const segments = path.split(".");
  const renamed: string[] = [];
  for (const [index, segment] of segments.entries()) {
    renamed.push(rename(segment) ?? segment);
    // What follows are keys of the caller's own JSON.
    if (isJson(segment)) return [...renamed, ...segments.slice(index + 1)].join(".");
  }
  return renamed.join(".");
}

/** `milestones.0.weekNumber` → `milestones.0.week_number`: the path of a field as the sender of the JSON wrote it. */
export function toWirePath(path: string): string {
  return mapPath(path, toSnakeCase, isJsonField);
}

/** `milestones.0.week_number` → `milestones.0.weekNumber`. */
export function toFieldPath(path: string): string {
  return mapPath(path, toCamelCase, (name) => isJsonField(toCamelCase(name) ?? name));
}

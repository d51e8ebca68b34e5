import { Reference } from "./reference.ts";

/** TypeScript that evaluates to `value`: a counterexample can be pasted into a test. */
export function toCode(value: unknown): string {
  if (value instanceof Reference) return value.toString();
  if (value instanceof Date) {
    return Number.isNaN(value.getTime()) ? "new Date(Number.NaN)" : `new Date(${JSON.stringify(value.toISOString())})`;
  }
  if (typeof value === "number" && Object.is(value, -0)) return "-0";
  if (typeof value !== "object" || value === null) {
    return typeof value === "string" ? JSON.stringify(value) : String(value);
  }
  if (Array.isArray(value)) return `[${value.map(toCode).join(", ")}]`;
  const members = Object.entries(value).map(([key, member]) => `${keyCode(key)}: ${toCode(member)}`);
  return members.length === 0 ? "{}" : `{ ${members.join(", ")} }`;
}

function keyCode(key: string): string {
  if (key === "__proto__") return '["__proto__"]';
  return /^[A-Za-z_$][\w$]*$/.test(key) ? key : JSON.stringify(key);
}

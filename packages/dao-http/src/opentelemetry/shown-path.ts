import { operations } from "../api/operations.ts";

const paths = Object.values(operations).flatMap((table) => Object.values(table).map(({ path }) => path));

/** The words of the API's own paths; every other segment is somebody's id, or whatever else they have written. */
const words: ReadonlySet<string> = new Set(
  [...paths, "/health", "/ready", "/docs", "/redoc", "/openapi.json"]
    .flatMap((path) => path.split("/"))
    .filter((segment) => !segment.startsWith("{")),
);

/** A path as spans show it, with the conventions' word in the place of whatever is no word of the API. */
export function shownPath(path: string): string {
  return path
    .split("/")
    .map((segment) => (words.has(segment) ? segment : "REDACTED"))
    .join("/");
}

import { readFileSync } from "node:fs";
import { SourceMap } from "node:module";
import { fileURLToPath } from "node:url";
import type { CallNode } from "../processes/profiler.ts";

/** Samples of this are not of requests. */
export const NOT_RUNNING = "not running";

/**
 * The steps of a request, in their order, and where their code is: `path of the source#function`. Code that matches none, such as
 * Node's and that of libraries, belongs to the step that called it.
 */
const STEPS: readonly (readonly [step: string, code: RegExp])[] = [
  // The latter is the profiler that starts and stops.
  [NOT_RUNNING, /^#\(idle|^#dispatch$/],
  ["garbage collection", /^#\(garbage/],
  [
    "body",
    /http\/request-body|app\/admission\.ts#receive|listener\.ts#(?:arrivedBody|readChunks|nextChange)|#readBody/,
  ],
  ["head and body to the socket", /listener\.ts#(?:send|isRead|endAfter)|server-bare\.ts#send$/],
  ["connection and head's checks", /dao-http\/src\/node\//],
  ["key", /app\/auth/],
  ["route and query", /http\/router|app\/query|base-path|handwritten-routes\.ts|server-bare\.ts/],
  ["ids and headers", /http\/http-message|page-links|#jsonHeaders/],
  ["JSON to fields", /wire\/json\.ts#(?:decode|toCamelCase|fieldNameOf)/],
  ["DTO to JSON", /wire\//],
  ["preconditions and ETag", /app\/preconditions|contract\/version/],
  ["admission", /app\/(?:admission|concurrency-limit|response-memory)/],
  ["log", /app\/log|dao-http\/src\/process\/|node_modules\/(?:pino|sonic-boom)/],
  ["app", /dao-http\/src\//],
  ["validation", /dao-core\/src\/contract\/|node_modules\/zod/],
  ["service", /dao-core\/src\/(?:service|unit-of-work)/],
  ["parameters and rows", /dao-core\/src\/(?:dao|schema)\/|node_modules\/(?:drizzle-orm|uuid)|handwritten\//],
  ["session and pool", /dao-core\/src\//],
  ["postgres.js", /node_modules\/postgres\//],
];

/** Of code that no step has called. */
const PROMISES = "promises";
const NODE = "Node's parser, streams and timers";

export const STEP_NAMES = [...STEPS.map(([step]) => step), PROMISES, NODE];

const stepsOfCode = new Map<string, string | undefined>();
const maps = new Map<string, SourceMap | undefined>();

/** What each step took of a profile: its own code's, and that of what it called. */
export function sumBySteps(root: CallNode): ReadonlyMap<string, number> {
  const sums = new Map<string, number>();
  const visit = (node: CallNode, caller: string | undefined) => {
    const step = stepOf(node) ?? caller;
    const isQueue = node.name === "runMicrotasks" || node.name === "processTicksAndRejections";
    const name = step ?? (isQueue ? PROMISES : NODE);
    sums.set(name, (sums.get(name) ?? 0) + node.own);
    for (const child of node.children) visit(child, step);
  };
  visit(root, undefined);
  return sums;
}

function stepOf({ name, url, line, column }: CallNode): string | undefined {
  const place = `${url}:${line}:${column}#${name}`;
  if (!stepsOfCode.has(place)) {
    const code = `${sourceOf(url, line, column)}#${name.split(".").at(-1)?.replace(/^#/, "")}`;
    stepsOfCode.set(place, STEPS.find(([, pattern]) => pattern.test(code))?.[0]);
  }
  return stepsOfCode.get(place);
}

/** The file that was compiled to this place; the place's own, if it was not compiled. */
function sourceOf(url: string, line: number, column: number): string {
  if (!maps.has(url)) maps.set(url, readMap(url));
  const entry = maps.get(url)?.findEntry(line, column);
  if (entry === undefined || !("originalSource" in entry)) return url;
  return new URL(entry.originalSource, url).href;
}

function readMap(url: string): SourceMap | undefined {
  if (!url.startsWith("file:") || url.includes("/node_modules/.pnpm/")) return undefined;
  try {
    return new SourceMap(JSON.parse(readFileSync(`${fileURLToPath(url)}.map`, "utf8")));
  } catch {
    return undefined;
  }
}

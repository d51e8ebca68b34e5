import { readFileSync } from "node:fs";
import { dirname, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const source = resolve(dirname(fileURLToPath(import.meta.url)), "..");

/** A file's run-time imports, without types, and their own. */
function collect(file: string, found: Set<string>): void {
  if (found.has(file)) return;
  found.add(file);
  const text = readFileSync(resolve(source, file), "utf8");
  for (const [, clause = "", specifier = ""] of text.matchAll(/^(?:import|export) ([^;]*?)from "([^"]+)";/gms)) {
    if (clause.startsWith("type ")) continue;
    if (specifier.startsWith(".")) collect(relative(source, resolve(source, dirname(file), specifier)), found);
    else found.add(specifier);
  }
}

test("the client imports no server code, no zod, and only the errors of the data layer", () => {
  const found = new Set<string>();
  collect("client/index.ts", found);
  const files = [...found].map((file) => file.replaceAll("\\", "/"));
  expect(files.filter((file) => !/^(client|api|wire)\//.test(file))).toEqual(["@flux/dao-core/errors"]);
  expect(files.length).toBeGreaterThan(10);
});

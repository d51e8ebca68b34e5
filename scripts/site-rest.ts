import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { createDaoApp } from "../packages/dao-http/src/index.ts";
import { stubServices } from "../packages/dao-http/src/testing/services-stub.ts";

// The reference of the REST API as static files in `site/rest/`: the page /redoc, and everything that it loads.

const dto = new URL("../site/types/_flux_dao-core.UserDto.html", import.meta.url);
if (!(await readFile(dto, "utf8")).includes("The full name.")) throw new Error("The pages of the DTOs show no fields.");

const folder = fileURLToPath(new URL("../site/rest/", import.meta.url));
const app = createDaoApp({ services: stubServices().services, keys: [{ name: "site", key: "site" }] });

async function read(path: string): Promise<string> {
  const response = await app.fetch(new Request(`http://service/${path}`));
  if (response.status !== 200) throw new Error(`${path} returned ${response.status}.`);
  return await response.text();
}

const page = await read("redoc");
const linked = [...page.matchAll(/(?:src|href)="\.?\/?([^":]+)"/g)].flatMap(([, path]) => path ?? []);
const files = new Map([["index.html", page]]);
for (const path of [...linked, "openapi.json"]) files.set(path, await read(path));
// A page opened from a file may only load scripts, so the document is embedded in the script that starts the page.
files.set("redoc/initialize.js", `Redoc.init(${files.get("openapi.json")}, {}, document.getElementById("page"));\n`);
for (const [path, text] of files) {
  await mkdir(dirname(join(folder, path)), { recursive: true });
  await writeFile(join(folder, path), text);
}

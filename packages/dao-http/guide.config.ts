import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { marked } from "marked";

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** Writes the page `/guide`, in `dist/docs/`: the package's README, and every error with an anchor to link to. */
export async function buildGuide(): Promise<void> {
  const [readme, errors, page] = await Promise.all(
    ["README.md", "../../docs/errors.md", "src/openapi/pages/guide.html"].map((path) => readFile(at(path), "utf8")),
  );
  const overHttp = errors?.split("\n## Over HTTP\n")[1]?.split("\n## ")[0];
  if (overHttp === undefined) throw new Error("docs/errors.md has no section on errors over HTTP.");
  const html = await marked.parse(`${readme}\n## Errors\n${overHttp}`);
  const anchored = html.replace(/<tr>(\n<td>\d+<\/td>\n<td><code>(\w+)<\/code>)/g, '<tr id="$2">$1');
  await writeFile(at("dist/docs/guide.html"), page?.replace("<main></main>", () => `<main>${anchored}</main>`) ?? "");
}

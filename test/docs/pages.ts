import { readdirSync, readFileSync } from "node:fs";
import { repository } from "../../scripts/repository.ts";
import { type Block, blocksOf } from "./blocks.ts";

/** A page of the documentation. */
export interface Page {
  /** Its path from the repository's root. */
  readonly path: string;
  /** The same, as the name of a folder. */
  readonly name: string;
  readonly blocks: readonly Block[];
}

/** All pages that users read. */
export function readPages(): Page[] {
  const docs = readdirSync(`${repository}docs`, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".md"))
    .map((path) => `docs/${path.replaceAll("\\", "/")}`);
  const others = ["README", "CONTRIBUTING", "SECURITY", "examples/README"].map((name) => `${name}.md`);
  const packages = readdirSync(`${repository}packages`).map((name) => `packages/${name}/README.md`);
  return [...others, ...packages, ...docs.sort()].map((path) => ({
    path,
    name: path.replace(/\.md$/, "").replaceAll("/", "-").toLowerCase(),
    blocks: blocksOf(readFileSync(`${repository}${path}`, "utf8")),
  }));
}

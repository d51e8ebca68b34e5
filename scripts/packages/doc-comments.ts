/**
 * Adds doc comments to the fields in the built declarations, for editors: the compiler infers the types of schemas, and writes inferred
 * types without comments. They are the fields' descriptions, unless the source has a comment. Fails if a comment finds no place.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import ts from "typescript";
import { repository } from "../repository.ts";
import { fieldDescriptions } from "./field-descriptions.ts";
import { CONTRACT, visitFields } from "./schema-fields.ts";

const folder = `${repository}packages/dao-core/`;

/** The comments in the source, by the path of the field. */
function readComments(): ReadonlyMap<string, string> {
  const { config } = ts.readConfigFile(`${repository}tsconfig.json`, ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent({ ...config, include: [], files: [CONTRACT] }, ts.sys, repository);
  const program = ts.createProgram([CONTRACT], { ...options, types: [] });
  const comments = new Map<string, string>();
  visitFields(program, (path, field) => {
    const documentation = field.getDocumentationComment(program.getTypeChecker());
    const text = ts.displayPartsToString(documentation).replace(/\s+/g, " ");
    if (text !== "") comments.set(path, text);
  });
  return comments;
}

/** Writes the comments into one file of declarations, and removes the places that it has from `missing`. */
function writeComments(file: string, comments: ReadonlyMap<string, string>, missing: Set<string>): void {
  const text = readFileSync(file, "utf8");
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const pieces: string[] = [];
  let written = 0;
  const visit = (node: ts.Node, path: string): void => {
    const isNamed = ts.isVariableDeclaration(node) || ts.isPropertySignature(node);
    const own = isNamed ? `${path}${path && "."}${node.name.getText(source)}` : path;
    const comment = ts.isPropertySignature(node) ? comments.get(own) : undefined;
    if (comment !== undefined) {
      const start = node.getStart(source);
      const indent = /[ \t]*$/.exec(text.slice(0, start))?.[0] ?? "";
      pieces.push(text.slice(written, start), `/** ${comment} */\n${indent}`);
      written = start;
      missing.delete(own);
    }
    ts.forEachChild(node, (child) => visit(child, own));
  };
  visit(source, "");
  if (written > 0) writeFileSync(file, [...pieces, text.slice(written)].join(""));
}

const comments = new Map([...fieldDescriptions(), ...readComments()]);
const missing = new Set(comments.keys());
for (const file of readdirSync(`${folder}dist`, { recursive: true, encoding: "utf8" })) {
  if (file.endsWith(".d.ts")) writeComments(`${folder}dist/${file}`, comments, missing);
}
if (missing.size > 0 || comments.size === 0)
  throw new Error(`No place for the comments of ${[...missing].join(", ")}.`);

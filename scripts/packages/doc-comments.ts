/**
 * Adds the doc comments of fields to the built declarations, for editors: the compiler infers the types of schemas, and writes inferred
 * types without comments. Fails if a comment finds no place.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import ts from "typescript";
import { repository } from "../repository.ts";

const folder = `${repository}packages/dao-core/`;

/** The comments of all schemas by variable and field: `taskDto.startTime`, `taskQueries.list.sort`. */
function readComments(): ReadonlyMap<string, string> {
  const entry = `${folder}src/contract/index.ts`;
  const { config } = ts.readConfigFile(`${repository}tsconfig.json`, ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent({ ...config, include: [], files: [entry] }, ts.sys, repository);
  const program = ts.createProgram([entry], { ...options, types: [] });
  const checker = program.getTypeChecker();
  const comments = new Map<string, string>();

  /** The fields of an object, of a schema of one, or of what wraps such a schema. */
  const fieldsOf = (type: ts.Type): readonly ts.Symbol[] => {
    const shape = type.getProperty("shape");
    if (shape !== undefined) return checker.getTypeOfSymbol(shape).getProperties();
    if (type.symbol?.name === "__object") return type.getProperties();
    return isReference(type) ? checker.getTypeArguments(type).flatMap(fieldsOf) : [];
  };
  const collect = (path: string, type: ts.Type): void => {
    for (const field of fieldsOf(type)) {
      const text = ts.displayPartsToString(field.getDocumentationComment(checker)).replace(/\s+/g, " ");
      if (text !== "") comments.set(`${path}.${field.name}`, text);
      collect(`${path}.${field.name}`, checker.getTypeOfSymbol(field));
    }
  };
  const source = program.getSourceFile(entry);
  const module = source && checker.getSymbolAtLocation(source);
  if (module === undefined) throw new Error(`${entry} is no module.`);
  for (const exported of checker.getExportsOfModule(module)) {
    const symbol = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
    if (symbol.flags & ts.SymbolFlags.Variable) collect(symbol.name, checker.getTypeOfSymbol(symbol));
  }
  return comments;
}

function isReference(type: ts.Type): type is ts.TypeReference {
  return (
    (type.flags & ts.TypeFlags.Object) !== 0 && ((type as ts.ObjectType).objectFlags & ts.ObjectFlags.Reference) !== 0
  );
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

const comments = readComments();
const missing = new Set(comments.keys());
for (const file of readdirSync(`${folder}dist`, { recursive: true, encoding: "utf8" })) {
  if (file.endsWith(".d.ts")) writeComments(`${folder}dist/${file}`, comments, missing);
}
if (missing.size > 0 || comments.size === 0)
  throw new Error(`No place for the comments of ${[...missing].join(", ")}.`);

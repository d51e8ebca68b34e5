import ts from "typescript";
import { repository } from "../repository.ts";
import { fieldDescriptions } from "./field-descriptions.ts";

/** The module that exports the schemas. */
export const CONTRACT = `${repository}packages/dao-core/src/contract/index.ts`;

/** Calls `visit` for each field of the contract's schemas, with its path: `taskDto.startTime`, `taskQueries.list.sort`. */
export function visitFields(program: ts.Program, visit: (path: string, field: ts.Symbol) => void): void {
  const checker = program.getTypeChecker();

  /** The fields of an object, of a schema of one, or of what wraps such a schema. */
  const fieldsOf = (type: ts.Type): readonly ts.Symbol[] => {
    const shape = type.getProperty("shape");
    if (shape !== undefined) return checker.getTypeOfSymbol(shape).getProperties();
    if (type.symbol?.name === "__object") return type.getProperties();
    return isReference(type) ? checker.getTypeArguments(type).flatMap(fieldsOf) : [];
  };
  const visitAll = (path: string, type: ts.Type): void => {
    for (const field of fieldsOf(type)) {
      visit(`${path}.${field.name}`, field);
      visitAll(`${path}.${field.name}`, checker.getTypeOfSymbol(field));
    }
  };
  const source = program.getSourceFile(CONTRACT);
  const module = source && checker.getSymbolAtLocation(source);
  if (module === undefined) throw new Error(`${CONTRACT} is no module.`);
  for (const exported of checker.getExportsOfModule(module)) {
    const symbol = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
    if (symbol.flags & ts.SymbolFlags.Variable) visitAll(symbol.name, checker.getTypeOfSymbol(symbol));
  }
}

/** The descriptions of fields by where these are declared. */
export function describedDeclarations(program: ts.Program): ReadonlyMap<ts.Declaration | undefined, string> {
  const descriptions = fieldDescriptions();
  const texts = new Map<ts.Declaration | undefined, string>();
  visitFields(program, (path, { declarations: [declaration] = [] }) => {
    const text = descriptions.get(path);
    if (text !== undefined && !texts.has(declaration)) texts.set(declaration, text);
  });
  return texts;
}

function isReference(type: ts.Type): type is ts.TypeReference {
  return (
    (type.flags & ts.TypeFlags.Object) !== 0 && ((type as ts.ObjectType).objectFlags & ts.ObjectFlags.Reference) !== 0
  );
}

import ts from "typescript";
import { expect, test } from "vitest";
import { CONTRACT, describedDeclarations } from "../../scripts/packages/schema-fields.ts";
import { repository } from "../../scripts/repository.ts";

/** Those that are neither rows nor inputs: errors are classes, and what a service's methods do is for methods to say. */
const hasFields = (type: ts.Type, checker: ts.TypeChecker) =>
  (type.flags & ts.TypeFlags.Object) !== 0 && !type.isClass() && !checker.isTupleType(type);

test("every field of any DTO or input has a comment, or a description of which the build makes one", () => {
  const { config } = ts.readConfigFile(`${repository}tsconfig.json`, ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent({ ...config, include: [], files: [CONTRACT] }, ts.sys, repository);
  const program = ts.createProgram([CONTRACT], { ...options, types: [] });
  const checker = program.getTypeChecker();
  const source = program.getSourceFile(CONTRACT);
  const module = source && checker.getSymbolAtLocation(source);
  if (module === undefined) throw new Error(`${CONTRACT} is no module.`);
  const descriptions = describedDeclarations(program);
  const described = new Set<string>();
  const silent: string[] = [];
  for (const exported of checker.getExportsOfModule(module)) {
    const symbol = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
    if ((symbol.flags & ts.SymbolFlags.Type) === 0 || /Services?$/.test(symbol.name)) continue;
    const type = checker.getDeclaredTypeOfSymbol(symbol);
    if (!hasFields(type, checker)) continue;
    for (const field of checker.getPropertiesOfType(type)) {
      const name = `${symbol.name}.${field.name}`;
      const hasComment = field.getDocumentationComment(checker).length > 0;
      if (hasComment || descriptions.has(field.declarations?.[0])) described.add(name);
      else silent.push(name);
    }
  }
  expect(silent).toEqual([]);
  for (const name of ["TaskDto.startTime", "TaskCreateDto.state", "TaskUpdateDto.title", "GoalListRequest.sort"])
    expect(described).toContain(name);
});

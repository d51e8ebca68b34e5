import { type Application, Comment, Converter, ReflectionKind } from "typedoc";
import { CONTRACT, describedDeclarations } from "./schema-fields.ts";

/** A plugin of TypeDoc: gives the fields of types that are inferred from schemas the descriptions of those schemas. */
export function load({ converter }: Pick<Application, "converter">): void {
  converter.on(Converter.EVENT_RESOLVE_BEGIN, (context) => {
    const program = context.programs.find((one) => one.getSourceFile(CONTRACT) !== undefined);
    if (program === undefined) throw new Error(`${CONTRACT} is part of no program.`);
    const texts = describedDeclarations(program);
    for (const property of context.project.getReflectionsByKind(ReflectionKind.Property)) {
      const text = texts.get(context.getSymbolFromReflection(property)?.declarations?.[0]);
      if (text !== undefined && !property.hasComment()) property.comment = new Comment([{ kind: "text", text }]);
    }
  });
}

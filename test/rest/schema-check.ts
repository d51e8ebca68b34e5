import * as z from "zod";
import {
  type OpenApiDocument,
  type OperationObject,
  type ResponseObject,
  resolve,
  type SchemaObject,
} from "./openapi-document.ts";

/** Checks values against the schemas of an OpenAPI document, strictly: anything undocumented is a problem. */
export class SchemaCheck {
  readonly #document: OpenApiDocument;
  readonly #compiled = new Map<SchemaObject, z.ZodType>();

  constructor(document: OpenApiDocument) {
    this.#document = document;
  }

  /** The documented response, with its reference resolved. */
  responseOf({ responses }: OperationObject, status: number): ResponseObject | undefined {
    const response = responses[String(status)];
    if (response?.$ref === undefined) return response;
    return resolve(this.#document, response.$ref) as ResponseObject | undefined;
  }

  /** How `value` violates `schema`: usually not at all. NDJSON is checked line by line. */
  problemsOf(schema: SchemaObject, value: unknown): string[] {
    const { contentSchema } = schema;
    if (contentSchema === undefined || typeof value !== "string") return this.#ownProblemsOf(schema, value);
    const lines = value.split("\n");
    // Each line has an end.
    if (lines.pop() !== "") return ["the last line has no end"];
    return lines.flatMap((line, index) =>
      this.#ownProblemsOf(contentSchema, JSON.parse(line)).map((problem) => `${index}.${problem}`),
    );
  }

  #ownProblemsOf(schema: SchemaObject, value: unknown): string[] {
    const compiled = this.#compiled.get(schema) ?? this.#compile(schema);
    this.#compiled.set(schema, compiled);
    const { success, error } = compiled.safeParse(value);
    return success ? [] : error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`);
  }

  #compile(schema: SchemaObject): z.ZodType {
    return z.fromJSONSchema(this.#inline(schema) as z.core.JSONSchema.JSONSchema);
  }

  /** The schema with its references resolved, and objects closed to other properties. */
  #inline(node: unknown): unknown {
    if (typeof node !== "object" || node === null) return node;
    if (Array.isArray(node)) return node.map((item) => this.#inline(item));
    if ("$ref" in node) return this.#inline(resolve(this.#document, String(node.$ref)));
    const entries = Object.entries(node).map(([key, value]) => [key, this.#inline(value)]);
    const closed = "properties" in node && "type" in node && !("additionalProperties" in node);
    return Object.fromEntries(closed ? [...entries, ["additionalProperties", false]] : entries);
  }
}

/** The part of an OpenAPI 3.1 document that the tests use (spec.openapis.org/oas/v3.1.1). */
export interface OpenApiDocument {
  readonly openapi: string;
  readonly info: object;
  readonly paths: Readonly<Record<string, Readonly<Record<string, OperationObject>>>>;
  readonly security?: readonly object[];
  readonly components: {
    readonly schemas: Readonly<Record<string, SchemaObject>>;
    readonly securitySchemes: Readonly<Record<string, object>>;
    readonly responses: Readonly<Record<string, ResponseObject>>;
  };
}

export interface SchemaObject {
  readonly $ref?: string;
  readonly properties?: Readonly<Record<string, SchemaObject>>;
  readonly required?: readonly string[];
  /** For NDJSON: the schema of each line. */
  readonly contentSchema?: SchemaObject;
}

interface MediaObject {
  readonly schema: SchemaObject;
  readonly example?: unknown;
  readonly examples?: Readonly<Record<string, { readonly value: unknown }>>;
}

interface HeaderObject {
  readonly $ref?: string;
  /** Whether every such response has it. */
  readonly required?: boolean;
}

interface ParameterObject {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly schema: SchemaObject;
}

export interface ResponseObject {
  readonly $ref?: string;
  readonly description?: string;
  readonly headers?: Readonly<Record<string, HeaderObject>>;
  readonly content?: Readonly<Record<string, MediaObject>>;
}

export interface OperationObject {
  readonly operationId?: string;
  readonly parameters?: readonly (ParameterObject | { readonly $ref: string })[];
  readonly requestBody?: { readonly content: Readonly<Record<string, MediaObject>> };
  readonly responses: Readonly<Record<string, ResponseObject>>;
  readonly security?: readonly object[];
}

/** A documented operation with its method and path. */
export interface Operation {
  readonly method: string;
  readonly path: string;
  readonly operation: OperationObject;
}

/** Every operation of the document, in order. */
export function operationsOf({ paths }: OpenApiDocument): Operation[] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ method: method.toUpperCase(), path, operation })),
  );
}

/** The operation's parameters, with references resolved. */
export function parametersOf(document: OpenApiDocument, { parameters = [] }: OperationObject): ParameterObject[] {
  return parameters.map((parameter) =>
    "$ref" in parameter ? (resolve(document, parameter.$ref) as ParameterObject) : parameter,
  );
}

/** The names of the headers that every such response has. */
export function requiredHeaders(document: OpenApiDocument, { headers = {} }: ResponseObject): string[] {
  const isRequired = ({ $ref, required }: HeaderObject) =>
    $ref === undefined ? required === true : (resolve(document, $ref) as HeaderObject).required === true;
  return Object.keys(headers).filter((name) => isRequired(headers[name] ?? {}));
}

/** Every `$ref` in it. */
export function referencesIn(node: unknown): string[] {
  if (typeof node !== "object" || node === null) return [];
  return Object.entries(node).flatMap(([key, value]) =>
    key === "$ref" && typeof value === "string" ? [value] : referencesIn(value),
  );
}

/** The target of a reference within the document; `undefined` if there is none. */
export function resolve(document: OpenApiDocument, reference: string): unknown {
  if (!reference.startsWith("#/")) return undefined;
  let node: unknown = document;
  for (const part of reference.slice(2).split("/")) {
    if (typeof node !== "object" || node === null) return undefined;
    node = Reflect.get(node, part.replaceAll("~1", "/").replaceAll("~0", "~"));
  }
  return node;
}

import {
  type OpenApiDocument,
  type OperationObject,
  operationsOf,
  parametersOf,
  resolve,
  type SchemaObject,
} from "../rest/openapi-document.ts";

/** The part of a schema that describes what a field accepts. */
interface FieldSchema extends SchemaObject {
  readonly type?: string | readonly string[];
  readonly format?: string;
  readonly enum?: readonly string[];
  readonly items?: FieldSchema;
  readonly anyOf?: readonly FieldSchema[];
  readonly pattern?: string;
  readonly additionalProperties?: unknown;
  readonly contentSchema?: FieldSchema;
  readonly properties?: Readonly<Record<string, FieldSchema>>;
}

type Parameter = ReturnType<typeof parametersOf>[number];

/** What a place accepts: any text, any JSON, an e-mail address, or only a format unlike hostile text. */
type InputKind = "text" | "json" | "email" | "form";

/** A part of a request that a caller fills. */
export interface TextInput {
  /** Its name in reports: `POST /api/v1/users/ body.name`. */
  readonly name: string;
  readonly method: string;
  readonly path: string;
  readonly kind: InputKind;
  readonly in: "path" | "query" | "header" | "body";
  /** The parameter's name. */
  readonly parameter: string | undefined;
  /** A valid request with `text` in this place. */
  request(text: string): FilledRequest;
}

export interface FilledRequest {
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A value for a required field or parameter: the ids of existing rows, and unique values. */
export type Known = (name: string, path: string) => unknown;

/**
 * Every place for text in every operation of the document, so that new operations and fields are included: all
 * parameters, all fields of a body, within lists and objects too, whatever their type, and unknown names.
 */
export function textInputs(document: OpenApiDocument, known: Known): TextInput[] {
  return operationsOf(document)
    .filter(({ path }) => path.startsWith("/api/"))
    .flatMap(({ method, path, operation }) => new OperationInputs(document, known, method, path, operation).all());
}

class OperationInputs {
  readonly #document: OpenApiDocument;
  readonly #known: Known;
  readonly #method: string;
  readonly #path: string;
  readonly #parameters: readonly Parameter[];
  readonly #mediaType: string | undefined;
  /** For NDJSON: of a line. */
  readonly #body: FieldSchema | undefined;

  constructor(document: OpenApiDocument, known: Known, method: string, path: string, operation: OperationObject) {
    this.#document = document;
    this.#known = known;
    this.#method = method;
    this.#path = path;
    this.#parameters = parametersOf(document, operation);
    const [[mediaType, content] = []] = Object.entries(operation.requestBody?.content ?? {});
    this.#mediaType = mediaType;
    const schema: FieldSchema | undefined = content?.schema;
    this.#body = schema?.contentSchema ?? schema;
  }

  all(): TextInput[] {
    const parameters = this.#parameters.map((parameter) =>
      this.#input(parameter.in as TextInput["in"], parameter.name, kindOf(parameter.schema), parameter.name, (text) =>
        this.#request({ parameter, text }),
      ),
    );
    const names =
      this.#body === undefined
        ? [this.#input("query", "?name", "form", undefined, (text) => this.#request({ name: text }))]
        : [];
    return [...parameters, ...names, ...this.#fields()];
  }

  #input(
    place: TextInput["in"],
    name: string,
    kind: InputKind,
    parameter: string | undefined,
    request: TextInput["request"],
  ): TextInput {
    const [method, path] = [this.#method, this.#path];
    return { name: `${method} ${path} ${place}.${name}`, method, path, in: place, kind, parameter, request };
  }

  #fields(): TextInput[] {
    if (this.#body === undefined) return [];
    return this.#places(this.#body, []).map(({ keys, kind }) =>
      this.#input("body", keys.join("."), kind, undefined, (text) =>
        this.#request({ body: this.#sample(this.#body ?? {}, "", { keys, text }) }),
      ),
    );
  }

  /** The path to each field, and what it accepts. */
  #places(schema: FieldSchema, keys: readonly string[]): { keys: readonly string[]; kind: InputKind }[] {
    const { properties, items, ...rest } = this.#resolved(schema);
    if (properties !== undefined) {
      return Object.entries(properties).flatMap(([name, field]) => this.#places(field, [...keys, name]));
    }
    if (items !== undefined && Object.keys(items).length > 0) return this.#places(items, [...keys, "0"]);
    if (items !== undefined || rest.additionalProperties === true) {
      return [
        { keys: [...keys, "(value)"], kind: "json" },
        { keys: [...keys, "(key)"], kind: "json" },
      ];
    }
    return [{ keys, kind: kindOf(rest) }];
  }

  /** A valid value with every field, and `text` at the end of the path. */
  #sample(
    schema: FieldSchema,
    name: string,
    fill: { readonly keys: readonly string[]; readonly text: string } | undefined,
  ): unknown {
    const { properties, items, ...rest } = this.#resolved(schema);
    const [key, ...keys] = fill?.keys ?? [];
    if (fill !== undefined && key === undefined) return fill.text;
    const below = fill === undefined ? undefined : { keys, text: fill.text };
    if (properties !== undefined) {
      const entries = Object.entries(properties).map(([field, of]) => [
        field,
        this.#sample(of, field, field === key ? below : undefined),
      ]);
      return Object.fromEntries(entries);
    }
    if (items !== undefined && Object.keys(items).length > 0) return [this.#sample(items, name, below)];
    if (items !== undefined || rest.additionalProperties === true) {
      const json = fill === undefined ? {} : key === "(key)" ? { [fill.text]: 1 } : { value: [fill.text] };
      return items === undefined ? json : [json];
    }
    return this.#valueOf(name, rest);
  }

  #valueOf(name: string, { type, format, enum: values }: FieldSchema): unknown {
    const known = this.#known(name, this.#path);
    if (known !== undefined) return known;
    if (values !== undefined) return values[0];
    if (type === "integer" || type === "number") return 1;
    if (type === "boolean") return true;
    return format === "date-time" ? "2026-02-15T10:00:00Z" : "text";
  }

  /** The schema itself, without a reference or a choice with `null`. */
  #resolved(schema: FieldSchema): FieldSchema {
    const followed = this.#follow(schema) as FieldSchema;
    const choice = followed.anyOf?.find(({ type }) => type !== "null");
    return choice === undefined ? followed : this.#resolved(choice);
  }

  #follow(node: object): object {
    const reference: unknown = Reflect.get(node, "$ref");
    return typeof reference === "string" ? (resolve(this.#document, reference) as object) : node;
  }

  #request(fill: { parameter?: Parameter; text?: string; name?: string; body?: unknown }): FilledRequest {
    let path = this.#path;
    const query: string[] = fill.name === undefined ? [] : [`${encodeURIComponent(fill.name)}=1`];
    const headers: Record<string, string> = this.#mediaType === undefined ? {} : { "Content-Type": this.#mediaType };
    for (const parameter of this.#parameters) {
      const isFilled = parameter === fill.parameter;
      if (!isFilled && parameter.required !== true) continue;
      const text = isFilled ? (fill.text ?? "") : String(this.#valueOf(parameter.name, parameter.schema));
      if (parameter.in === "path") path = path.replace(`{${parameter.name}}`, encodeURIComponent(text));
      else if (parameter.in === "query") query.push(`${parameter.name}=${encodeURIComponent(text)}`);
      else headers[parameter.name] = text;
    }
    const body = fill.body ?? (this.#body && this.#sample(this.#body, "", undefined));
    return {
      method: this.#method,
      path: query.length === 0 ? path : `${path}?${query.join("&")}`,
      headers,
      ...(body !== undefined && { body }),
    };
  }
}

function kindOf({ type, format, pattern, enum: values, items }: FieldSchema): InputKind {
  // A parameter that may be given several times.
  if (items !== undefined) return kindOf(items);
  if (format === "idn-email") return "email";
  const isFree = format === undefined && pattern === undefined && values === undefined;
  return [type].flat().includes("string") && isFree ? "text" : "form";
}

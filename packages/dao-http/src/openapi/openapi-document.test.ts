import { Validator } from "@seriousme/openapi-schema-validator";
import { describe, expect, test } from "vitest";
import { operations } from "../api/operations.gen.ts";
import { openApiDocument } from "./openapi-document.ts";

interface Described {
  readonly operationId: string;
  readonly parameters?: readonly { readonly name: string; readonly in: string }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly example: unknown }>> };
  readonly responses: Readonly<Record<string, { readonly $ref?: string; readonly headers?: object }>>;
}

/** Of a schema, a parameter or a header. */
interface Words {
  readonly $ref?: string;
  readonly description?: string;
  readonly examples?: readonly unknown[];
  readonly schema?: Words;
}

const text = JSON.stringify(openApiDocument());
const document: {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Described>>>>;
  readonly components: Readonly<Record<"schemas" | "parameters" | "responses", Readonly<Record<string, unknown>>>>;
} = JSON.parse(text);

describe("the OpenAPI document", () => {
  test("is valid OpenAPI 3.1", async () => {
    const result = await new Validator().validate(JSON.parse(text));
    expect(result.errors ?? []).toEqual([]);
    expect(result.valid).toBe(true);
  });

  test.each(Object.entries(operations))(
    "has %s, with its errors, its example and its parameters",
    (name, operation) => {
      const described = document.paths[operation.path]?.[operation.method.toLowerCase()];
      expect(name.slice(name.indexOf(".") + 1)).toBe(described?.operationId);
      const responses = described?.responses ?? {};
      expect(Object.keys(responses)).toEqual(
        expect.arrayContaining([String(operation.status), "400", "403", "500", "503"]),
      );
      expect("Location" in (responses[operation.status]?.headers ?? {})).toBe(operation.location !== undefined);
      const body = described?.requestBody?.content["application/json"];
      expect(body === undefined).toBe(operation.input !== "body");
      if (body !== undefined) {
        expect(Object.keys(responses)).toEqual(expect.arrayContaining(["413", "415"]));
        expect(JSON.stringify(body.example)).not.toMatch(/[a-z][A-Z]\w*"/);
      }
      // The table for reading requests and the schemas for checking them have the same parameters.
      const inQuery = described?.parameters?.filter((parameter) => parameter.in === "query") ?? [];
      const kinds = Object.values(operation.query ?? {}).map(String);
      const ranges = kinds.filter((kind) => kind.includes(" range")).length;
      const isNull = kinds.some((kind) => kind.endsWith(" or null")) ? 1 : 0;
      expect(inQuery).toHaveLength(kinds.length + ranges + isNull);
    },
  );

  test("refers only to existing components", () => {
    for (const [, pointer = ""] of text.matchAll(/"\$ref":"#\/([^"]+)"/g)) {
      const found = pointer.split("/").reduce<unknown>((value, key) => Reflect.get(Object(value), key), document);
      expect(found, pointer).toBeDefined();
    }
  });

  test("names fields as JSON does, and every instant has a format", () => {
    expect(document.components.schemas["TaskDto"]).toMatchObject({
      properties: {
        user_id: { type: "string", format: "uuid" },
        start_time: { anyOf: [{ type: "string", format: "date-time" }, { type: "null" }] },
        created_at: { type: "string", format: "date-time" },
      },
    });
    expect(text).not.toMatch(/"(userId|startTime|createdAt|isRecurring|pageSize)"/);
  });

  test("describes defaults, without the keyword, for which some generators require the field", () => {
    const { schemas } = document.components;
    const told = (text: string) => ({ description: expect.stringMatching(new RegExp(`Default: ${text}\\.$`)) });
    expect(schemas["TaskCreateDto"]).toMatchObject({
      properties: { milestone_id: told("null"), priority: told("standard") },
    });
    expect(schemas["UserCreateDto"]).toMatchObject({
      properties: { preferences: told("{}"), demo_mode: told("false") },
    });
    expect(schemas["ConversationCreateDto"]).toMatchObject({ properties: { messages: told("\\[\\]") } });
    expect(JSON.stringify([schemas["UserUpdateDto"], schemas["ConversationUpdateDto"]])).not.toContain("Default");
    expect(text).not.toContain('"default":');
  });

  test("has limits on requests, and none on responses", () => {
    const { schemas } = document.components;
    expect(schemas["UserCreateDto"]).toMatchObject({ properties: { email: { format: "idn-email", maxLength: 255 } } });
    for (const name of ["UserDto", "GoalDto", "MilestoneDto", "TaskDto", "DemoFlagsDto"]) {
      expect(JSON.stringify(schemas[name]), name).not.toMatch(/"(m(in|ax)(Length|imum)|default)":|email"}/);
    }
  });

  test("says what every property, parameter and header means, with an example", () => {
    const undescribed: string[] = [];
    const check = (place: string, { $ref, schema, ...own }: Words) => {
      const name = $ref?.slice("#/components/schemas/".length);
      const { description, examples } =
        name === undefined ? { ...schema, ...own } : Object(document.components.schemas[name]);
      if (!description || !examples?.length) undescribed.push(place);
    };
    const visit = (place: string, value: object): void => {
      for (const [key, member] of Object.entries(value)) {
        if (typeof member !== "object" || member === null || key.startsWith("example")) continue;
        for (const [name, one] of Object.entries<Words>(member)) {
          const isComponent = one.$ref?.startsWith("#/components/schemas/") === false;
          if (["properties", "parameters", "headers"].includes(key) && !isComponent)
            check(`${place}/${key}/${name}`, one);
        }
        visit(`${place}/${key}`, member);
      }
    };
    visit("", document);
    expect(undescribed).toEqual([]);
  });

  test("has examples of problems of the operation that can have them", () => {
    for (const [path, operations] of Object.entries(document.paths)) {
      const ofPath = new RegExp(`"instance":"${path.replace(/\{\w+\}/, '[^/"]+')}"`, "g");
      for (const { operationId, responses } of Object.values(operations)) {
        const { length } = JSON.stringify(responses).match(/"instance":/g) ?? [];
        expect(JSON.stringify(responses).match(ofPath) ?? [], operationId).toHaveLength(length ?? 0);
      }
    }
    // What any operation may return is shared, and names none.
    const shared = JSON.stringify(document.components.responses).match(/"instance":"[^"]*"/g);
    expect(new Set(shared)).toEqual(new Set(['"instance":"/api/v1/…"']));
  });

  test.each([
    ["IfMatchToWrite", ["*", '"x"', '"x", W/"y"'], ["x", "", '"x" "y"']],
    ["IdempotencyKey", ["8e03978e-40d5", '"quoted"', "k".repeat(255)], ["", "two words", "k".repeat(256)]],
  ])("%s has the pattern that the service checks", (name, right, wrong) => {
    const { pattern, minLength, maxLength } = Object(document.components.parameters[name]).schema;
    const isMatch = (value: string) =>
      new RegExp(pattern).test(value) && value.length >= minLength && value.length <= maxLength;
    expect(right.filter((value) => !isMatch(value))).toEqual([]);
    expect(wrong.filter(isMatch)).toEqual([]);
  });

  test("has no unused responses", () => {
    for (const name of Object.keys(document.components.responses)) {
      expect(text).toContain(`"$ref":"#/components/responses/${name}"`);
    }
  });

  test("says which routes are public, and how to send the key", () => {
    expect(document.paths["/health"]?.["get"]).toMatchObject({ security: [] });
    expect(document.paths["/ready"]?.["get"]).toMatchObject({ security: [] });
    expect(text).toContain('"serviceKey":{"type":"apiKey","in":"header","name":"X-Flux-Service-Key"');
  });
});

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

const text = JSON.stringify(openApiDocument());
const document: {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Described>>>>;
  readonly components: Readonly<Record<"schemas" | "responses", Readonly<Record<string, unknown>>>>;
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

  test("describes defaults, and has no limits on responses", () => {
    const { schemas } = document.components;
    expect(schemas["TaskCreateDto"]).toMatchObject({ properties: { milestone_id: { default: null } } });
    expect(schemas["UserCreateDto"]).toMatchObject({
      properties: { preferences: { default: {} }, email: { format: "idn-email", maxLength: 255 } },
    });
    expect(schemas["ConversationCreateDto"]).toMatchObject({ properties: { messages: { default: [] } } });
    expect(JSON.stringify([schemas["UserUpdateDto"], schemas["ConversationUpdateDto"]])).not.toContain('"default"');
    for (const name of ["UserDto", "GoalDto", "MilestoneDto", "TaskDto", "DemoFlagsDto"]) {
      expect(JSON.stringify(schemas[name]), name).not.toMatch(/"(m(in|ax)(Length|imum)|default)":|email"}/);
    }
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

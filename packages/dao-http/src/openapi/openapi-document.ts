import { openApiJson } from "./openapi.gen.ts";

/** Creates the OpenAPI 3.1 document of the REST API, which is generated from its routes and the schemas that validate requests. */
export function openApiDocument(): object {
  return JSON.parse(openApiJson);
}

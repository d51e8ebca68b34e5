import { requestIdHeader } from "./headers.ts";

function probe(operationId: string, summary: string, responses: object): object {
  return { get: { operationId, summary, tags: ["operation"], security: [], responses } };
}

function statusResponse(description: string, example: object): object {
  const schema = {
    type: "object",
    properties: { status: { type: "string" }, detail: { type: "string" } },
    required: ["status"],
  };
  return { description, headers: requestIdHeader, content: { "application/json": { schema, example } } };
}

/** The two probes, which are not operations of a service. */
export const healthPaths: Readonly<Record<string, object>> = {
  "/health": probe("getHealth", "Whether the process runs", {
    200: statusResponse("It runs.", { status: "ok" }),
  }),
  "/ready": probe("getReadiness", "Whether requests should be sent here", {
    200: statusResponse("The database is available, and has the schema that this version needs.", { status: "ready" }),
    503: statusResponse("Not now; detail says why.", {
      status: "not_ready",
      detail: "The database cannot be reached. Check that it runs, then try again.",
    }),
  }),
};

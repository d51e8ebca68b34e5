import { contractSuite } from "@flux/dao-core/testing";
import { createDaoClient } from "@flux/dao-http/client";
import { describe, test } from "vitest";
import { KEYS, useRestServer } from "../rest/server.ts";

const server = useRestServer();

describe("the contract through the client, against the deployment", () => {
  test.each(contractSuite)("$name", ({ run }) =>
    run(createDaoClient({ baseUrl: server.baseUrl, serviceKey: KEYS["goal-planner"] })),
  );
});

import type { Deployment } from "../rest/server.ts";

/**
 * The service that BLACK_BOX_URL and BLACK_BOX_KEY name.
 * @throws Error where they do not
 */
export function readDeployment(environment: NodeJS.ProcessEnv): Deployment {
  const { BLACK_BOX_URL: url = "", BLACK_BOX_KEY: key = "" } = environment;
  if (!/^https?:\/\/./.test(url) || key === "") {
    throw new Error(
      "Set BLACK_BOX_URL to where the service is, such as http://localhost:8000, and BLACK_BOX_KEY to a key of it. The" +
        " tests write to its database.",
    );
  }
  return { url: url.replace(/\/+$/, ""), key };
}

import type { TestProject } from "vitest/node";

/**
 * Provides the tests with the service that BLACK_BOX_URL and BLACK_BOX_KEY name.
 * @throws Error if they are not set, so that no test passes or is skipped by accident
 */
export default function setup(project: TestProject): void {
  const { BLACK_BOX_URL: url = "", BLACK_BOX_KEY: key = "" } = process.env;
  if (!/^https?:\/\/./.test(url) || key === "") {
    throw new Error(
      "Set BLACK_BOX_URL to where the service is, such as http://localhost:8000, and BLACK_BOX_KEY to a key of it. The" +
        " tests write to its database.",
    );
  }
  project.provide("deployment", { url: url.replace(/\/+$/, ""), key });
}

import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BrowserContext, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, type TestContext } from "vitest";

const executablePath = process.env["CHROMIUM_PATH"] ?? "/usr/bin/chromium";
const absence = existsSync(executablePath) ? undefined : `no Chromium at ${executablePath}`;

/** Keep Chromium from contacting Google's servers, which no test needs and closed networks block. */
const args = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** A page, and every defect that was seen on it. */
export interface WatchedPage {
  readonly page: Page;
  /** Requests to other hosts, failed requests, console errors and uncaught exceptions. */
  readonly faults: readonly string[];
}

/** Starts Chromium for the tests of a file, which are skipped where there is none. */
export function useBrowser(baseUrlOf: () => string) {
  let profile: string | undefined;
  let context: BrowserContext | undefined;

  beforeAll(async () => {
    if (absence !== undefined) {
      // Not by the console, which the runner shows for failed tests only.
      process.stderr.write(
        `The API's pages are NOT tested: ${absence}. Install Debian's package chromium, or set CHROMIUM_PATH.\n`,
      );
      return;
    }
    profile = await mkdtemp(join(tmpdir(), "pages-test-"));
    context = await chromium.launchPersistentContext(profile, { executablePath, headless: true, args });
  });

  afterAll(async () => {
    await context?.close();
    if (profile !== undefined) await rm(profile, { recursive: true, force: true });
  });

  async function openPage(test: TestContext, path: string, baseUrl = baseUrlOf()): Promise<WatchedPage> {
    if (context === undefined) return test.skip(absence);
    const page = await context.newPage();
    const faults: string[] = [];
    await page.route("**/*", (route) => {
      const { origin, protocol } = new URL(route.request().url());
      if (origin === baseUrl || protocol === "data:" || protocol === "blob:") return route.continue();
      faults.push(`a request to ${route.request().url()}`);
      return route.abort();
    });
    page.on("console", (message) => {
      if (message.type() === "error") faults.push(`console: ${message.text()}`);
    });
    page.on("pageerror", (error) => faults.push(`uncaught: ${error.message}`));
    page.on("requestfailed", (request) => {
      // A page may abandon a request of its own.
      if (request.failure()?.errorText !== "net::ERR_ABORTED") faults.push(`failed: ${request.url()}`);
    });
    page.on("response", (response) => {
      if (response.status() >= 400) faults.push(`${response.status()}: ${response.url()}`);
    });
    await page.goto(baseUrl + path);
    return { page, faults };
  }

  return openPage;
}

/** Screenshots to look at; kept only if SCREENSHOTS names a folder. */
export async function screenshot(page: Page, name: string): Promise<void> {
  const folder = process.env["SCREENSHOTS"];
  if (folder !== undefined) await page.screenshot({ path: join(folder, `${name.replaceAll("/", "_")}.png`) });
}

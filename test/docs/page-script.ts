import { join } from "node:path";
import type { Block } from "./blocks.ts";
import type { Page } from "./pages.ts";

/** The steps of a page, run in one shell: later blocks see what earlier ones export or start in the background. */
export interface PageScript {
  readonly bash: string;
  readonly steps: readonly Step[];
}

interface Step {
  readonly block: Block;
  /** Where the script writes the step's output. */
  readonly output: string;
}

/** As in a terminal's shell, `set -m` gives each job a process group: `kill %1` also ends what `npx` started. */
const END_JOBS = "for job in $(jobs -p); do kill -- -$job 2>/dev/null || true; done; wait";

/** The files that a page has its reader create, and the commands (`sh run`) that it has them run. */
export function pageScript(page: Page, folder: string): PageScript {
  const steps: Step[] = [];
  const lines = ["set -em", `trap '${END_JOBS}' EXIT`, `cd '${folder}'`];
  for (const [index, block] of page.blocks.entries()) {
    if (block.title !== undefined) lines.push(...writing(block, block.title));
    else if (block.language === "sh" && block.attributes.has("run")) {
      const output = join(folder, `.output-${index}`);
      lines.push("{", block.code, `} > '${output}' 2>&1`, ...waitingFor(block));
      steps.push({ block, output });
    }
  }
  return { bash: lines.join("\n"), steps };
}

function writing({ code }: Block, title: string): string[] {
  return [`mkdir -p "$(dirname '${title}')"`, `cat > '${title}' <<'END OF THE FILE'`, code, "END OF THE FILE"];
}

/** Waits until a server responds (`wait=http://…`). */
function waitingFor({ attributes }: Block): string[] {
  const wait = [...attributes].find((attribute) => attribute.startsWith("wait="));
  if (wait === undefined) return [];
  return [
    `curl --silent --fail --retry 100 --retry-delay 0 --retry-all-errors -o /dev/null '${wait.slice("wait=".length)}'`,
  ];
}

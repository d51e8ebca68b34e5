/**
 * `pnpm check`: what a change needs before it is pushed. With `--ci`: all that `.ci/run` checks before the tests. Exits with 1
 * where a step fails.
 */
import { runSideBySide, type Step } from "./side-by-side.ts";

const lint: Step = { name: "Lint", command: "pnpm lint" };
const types: Step = { name: "Types", command: "pnpm types" };
const generated: Step = { name: "Generated files", command: "tsx scripts/checks/generated.ts" };

/** What runs side by side, in two lanes for two cores; what stands in a later stage needs what an earlier one builds. */
const stages: readonly (readonly (readonly Step[])[])[] = process.argv.includes("--ci")
  ? [
      [
        [{ name: "Build", command: "pnpm build" }],
        [
          lint,
          generated,
          types,
          { name: "Workflows: actionlint", command: "pnpm check:workflows" },
          { name: "Container: the linters", command: "pnpm check:container" },
          { name: "Audit of production dependencies", command: "tsx scripts/checks/audit.ts" },
        ],
      ],
      [
        [{ name: "Packages: publint, attw, public types, NOTICE, sizes, knip", command: "pnpm check:packages" }],
        [{ name: "Examples", command: "pnpm examples" }],
      ],
    ]
  : [
      [
        [lint, types],
        [generated, { name: "Unit tests, import order", command: "pnpm test:unit" }],
      ],
    ];

for (const lanes of stages) {
  if (await runSideBySide(lanes)) continue;
  process.exitCode = 1;
  break;
}

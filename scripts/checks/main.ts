/**
 * `pnpm check`: the checks to run before a push. With `--ci`: everything that `.ci/run` checks before the tests. Exits with 1
 * if a step fails.
 */
import { runInParallel, type Step } from "./parallel-steps.ts";

const lint: Step = { name: "Lint", command: "pnpm lint" };
const types: Step = { name: "Types", command: "pnpm types" };
const generated: Step = { name: "Generated files", command: "tsx scripts/checks/generated.ts" };

/** Each stage runs two sequences of steps in parallel, one per core. A stage may need what an earlier one builds. */
const stages: readonly (readonly (readonly Step[])[])[] = process.argv.includes("--ci")
  ? [
      [
        [{ name: "Build", command: "pnpm build" }],
        [
          lint,
          generated,
          types,
          { name: "Workflows: actionlint", command: "pnpm check:workflows" },
          { name: "Container: linters", command: "pnpm check:container" },
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
        [generated, { name: "Unit tests and import order", command: "pnpm test:unit" }],
      ],
    ];

for (const sequences of stages) {
  if (await runInParallel(sequences)) continue;
  process.exitCode = 1;
  break;
}

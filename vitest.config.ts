import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

const source = (path: string) => fileURLToPath(new URL(`./packages/${path}`, import.meta.url));

// The tests run on the sources; the package checks look at what is built.
export const alias = {
  "@flux/dao-core/contract": source("dao-core/src/contract/index.ts"),
  "@flux/dao-core/errors": source("dao-core/src/contract/errors.ts"),
  "@flux/dao-core/database-url": source("dao-core/src/connection-string/database-url.ts"),
  "@flux/dao-core/opentelemetry": source("dao-core/src/opentelemetry/index.ts"),
  "@flux/dao-core/schema": source("dao-core/src/schema/index.ts"),
  "@flux/dao-core/testing": source("dao-core/src/testing/index.ts"),
  "@flux/dao-core": source("dao-core/src/index.ts"),
  "@flux/dao-http/client": source("dao-http/src/client/index.ts"),
  "@flux/dao-http/opentelemetry": source("dao-http/src/opentelemetry/index.ts"),
  "@flux/dao-http/server": source("dao-http/src/server.ts"),
  "@flux/dao-http": source("dao-http/src/index.ts"),
};

/** The clients of applications (`test:hosts`). */
const hosts = [
  "packages/dao-core/test/{contract-hosts,host-interruptions,host-read-only,join-hosts,join-pg-pool,join-pg-pool-stale}.test.ts",
];
/** What `test` runs on our own drivers, and `test:hosts` on the clients of applications (packages/dao-core/test/hosts.ts). */
const onEither =
  "packages/dao-core/test/{idempotency,python-service-json,shared-signal,unit-of-work,unit-of-work-*}.test.ts";
/** What starts processes: the command, a browser, proxies, servers that are killed or overloaded (`test:processes`). */
const processes = [
  "packages/dao-core/test/contract-pgbouncer.test.ts",
  "packages/dao-core/test/{connection-strings,embedded-folder,migrations-at-once,migrations-killed,online-killed,open-socket}.test.ts",
  "packages/dao-core/test/{several-servers,standby,standby-reads}.test.ts",
  "test/{browser,changes,cli,exactly-once,failover,faults,fuzz,overload,proxies,serverless}/*.test.ts",
  "test/rest/{cli-lifecycle,cli-settings,database-down,processes,readiness,standby,stop-under-load}.test.ts",
];
/** What runs in full in `test:long`, and elsewhere by a slice (test/depth.ts). */
const deep = [
  "packages/dao-core/test/{embedded-folder,online-writers,schema-differences,shared-signal}.test.ts",
  "test/model/model.test.ts",
  "test/rest/{lost-updates,processes,stop-under-load}.test.ts",
  "test/{plans/million-tasks,security/sql-injection}.test.ts",
];
/** What mocks modules, registers something for the whole process, or counts what its code does there. */
const isolated = [
  "test/async-local-storage.test.ts",
  "test/rest/authentication-timing.test.ts",
  "test/security/error-answers.test.ts",
  "test/opentelemetry.test.ts",
];
// Those of black-box test a service that runs elsewhere (test:black-box), those of structure need no database, and those of long
// take minutes (test:long).
const elsewhere = ["test/black-box/**", "test/structure/**", "test/long/**"];
const onPostgres = {
  globalSetup: ["test/global-setup.ts"],
  setupFiles: process.env["FLUX_TEST_PREPARE"] === "false" ? ["test/unprepared.ts"] : [],
};
/** Longest first. Begun last, as by their sizes, they would run alone in the end. */
const longest = [
  "unit-of-work-hanging",
  "contract-hosts",
  "dao-core/test/contract",
  "given-up",
  "connections",
  "standby",
  "import-limit",
  "limits",
  "faults",
  "processes",
  "pages",
  "stop-under-load",
  "database-down",
  "migrations-killed",
  "overload",
  "import-time",
];
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const index = longest.findIndex((name) => moduleId.endsWith(`/${name}.test.ts`));
      return index === -1 ? longest.length : index;
    };
    const sorted = await super.sort(files);
    return sorted.sort((one, other) =>
      one.project.name === other.project.name
        ? rank(one) - rank(other)
        : one.project.name < other.project.name
          ? -1
          : 1,
    );
  }
}

const quickPglite = { alias: { ...alias, "@electric-sql/pglite": source("../test/quick-pglite.ts") } };

export default defineConfig({
  resolve: { alias },
  test: {
    silent: "passed-only",
    sequence: { sequencer: LongestFirst },
    // More than there are cores: what tests of time-outs wait for costs no processor time.
    maxWorkers: availableParallelism() + 2,
    // They end what hangs, and assert nothing: on a machine whose cores are shared with other work all takes several times as long.
    hookTimeout: 180_000,
    testTimeout: 180_000,
    expect: { poll: { timeout: 60_000, interval: 20 } },
    projects: [
      {
        extends: true,
        // They leave nothing behind, so files may share what is imported: that takes as long as the tests do.
        test: { name: "unit", include: ["packages/*/src/**/*.test.ts", "test/structure/**/*.test.ts"], isolate: false },
      },
      {
        extends: true,
        resolve: quickPglite,
        test: {
          ...onPostgres,
          name: "integration",
          include: ["packages/*/test/**/*.test.ts", "test/**/*.test.ts"],
          exclude: [...elsewhere, ...isolated, ...hosts, ...processes],
          // As of the unit tests: to import anew for each file takes as long as a third of the tests.
          isolate: false,
        },
      },
      {
        extends: true,
        resolve: quickPglite,
        test: {
          ...onPostgres,
          name: "integration-hosts",
          include: [...hosts, onEither],
          env: { FLUX_TESTS: "hosts" },
          isolate: false,
        },
      },
      {
        extends: true,
        resolve: quickPglite,
        test: { ...onPostgres, name: "integration-processes", include: processes, isolate: false },
      },
      {
        extends: true,
        resolve: quickPglite,
        test: { ...onPostgres, name: "integration-isolated", include: isolated },
      },
      {
        extends: true,
        resolve: quickPglite,
        test: {
          ...onPostgres,
          name: "long",
          include: ["test/long/**/*.test.ts", ...deep],
          env: { FLUX_TESTS: "long" },
        },
      },
      {
        // What this repository is worked on with: `pnpm dev`, and the PostgreSQL that is started for it and for the tests.
        extends: true,
        test: { name: "tooling", include: ["scripts/**/*.test.ts"] },
      },
    ],
    coverage: { include: ["packages/*/src/**"], exclude: ["**/*.test.ts", "**/*.gen.ts"] },
  },
});

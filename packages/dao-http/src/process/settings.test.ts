import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import * as defaults from "../../../dao-core/src/session/limits.ts";
import { DEVELOPMENT_KEYS } from "../app/auth.ts";
import { SettingsError } from "../node/settings-error.ts";
import { parseServiceKeys } from "./service-keys.ts";
import { type Environment, HTTP_SETTINGS, LIMIT_SETTINGS, readSettings, variableOf } from "./settings.ts";

function problemsOf(environment: Environment): readonly string[] {
  try {
    readSettings(environment);
    return [];
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    return error.problems;
  }
}

const keys = '["a-long-key-of-our-own"]';
const databaseUrl = "postgres://u:p@db/flux";

describe("settings", () => {
  test("nothing set: the guide's keys on loopback, with a warning", () => {
    const settings = readSettings({});
    expect(settings).toMatchObject({
      databaseUrl: "postgresql://postgres:postgres@localhost:54322/postgres",
      host: "127.0.0.1",
      port: 8_000,
      processes: 1,
      poolSize: undefined,
      prepare: undefined,
      http: {},
      basePath: undefined,
      corsOrigins: undefined,
      changesRetentionDays: undefined,
      slowStatementMs: undefined,
      logLevel: "info",
      keys: DEVELOPMENT_KEYS,
    });
    expect(settings.warnings).toHaveLength(1);
    expect(readSettings({ PORT: "", SERVICE_API_KEYS: " ", HOST: "" })).toEqual(settings);
  });

  test("everything set", () => {
    const settings = readSettings({
      DATABASE_URL: "postgresql+asyncpg://u:p@db/flux",
      SERVICE_API_KEYS: keys,
      HOST: "0.0.0.0",
      PORT: "9000",
      PROCESSES: "4",
      DB_POOL_SIZE: "20",
      HTTP_BODY_TIMEOUT: "10000",
      HTTP_SEND_TIMEOUT: "120000",
      HTTP_GRACE_PERIOD: "25000",
      HTTP_BODY_LIMIT: "2097152",
      BASE_PATH: "/dao",
      CORS_ORIGINS: "https://app.example.com, http://localhost:3000",
      PGSSLMODE: "require",
      DB_CHANGES_RETENTION_DAYS: "30",
      DB_SLOW_STATEMENT_MS: "250",
      DB_PREPARE: "False",
      DB_LOCK_TIMEOUT_MS: "0",
      DB_MAX_LIFETIME_MS: "2147483647",
      LOG_LEVEL: "WARN",
      NODE_ENV: "production",
    });
    expect(settings).toEqual({
      databaseUrl: "postgresql+asyncpg://u:p@db/flux",
      isDefaultUrl: false,
      environment: { PGSSLMODE: "require" },
      keys: [{ name: "key-ced6ea6a10b0", key: "a-long-key-of-our-own" }],
      host: "0.0.0.0",
      port: 9_000,
      processes: 4,
      poolSize: 20,
      prepare: false,
      limits: { lockTimeout: 0, maxLifetime: 2_147_483_647 },
      http: { bodyTimeout: 10_000, sendTimeout: 120_000, gracePeriod: 25_000, bodyLimit: 2_097_152 },
      basePath: "/dao",
      corsOrigins: ["https://app.example.com", "http://localhost:3000"],
      changesRetentionDays: 30,
      slowStatementMs: 250,
      logLevel: "warn",
      warnings: [],
    });
  });

  test.each([
    [{ DATABASE_URL: "postgres://u:secret@h/d?sslmode=full" }, /sslmode in DATABASE_URL must be one of disable, .*\./],
    [{ DATABASE_URL: "postgres://u:secret@h/d?max=5" }, /max in DATABASE_URL is not supported: .*DB_POOL_SIZE/],
    [{ DATABASE_URL: "postgres://h/d", PGSSLMODE: "full" }, /PGSSLMODE must be one of disable/],
    [{ DATABASE_URL: "postgres://h:x/d" }, /DATABASE_URL must have a port/],
  ])("%j is refused by the name of what is wrong", (environment, message) => {
    expect(() => readSettings(environment)).toThrow(message);
    expect(() => readSettings(environment)).not.toThrow(/secret/);
  });

  test.each([
    ["PORT", "abc"],
    ["PORT", "-1"],
    ["PORT", "65536"],
    ["PORT", "8e3"],
    ["HTTP_BODY_TIMEOUT", "0"],
    ["HTTP_BODY_TIMEOUT", "30s"],
    ["HTTP_SEND_TIMEOUT", "2147483648"],
    ["HTTP_KEEP_ALIVE_TIMEOUT", "0"],
    ["BASE_PATH", "dao"],
    ["CORS_ORIGINS", "*"],
    ["CORS_ORIGINS", "https://app.example.com/"],
    ["CORS_ORIGINS", "app.example.com"],
    ["BASE_PATH", "/dao?x"],
    ["DB_CHANGES_RETENTION_DAYS", "0"],
    ["DB_CHANGES_RETENTION_DAYS", "0.5"],
    ["DB_SLOW_STATEMENT_MS", "0"],
    ["DB_SLOW_STATEMENT_MS", "slow"],
    ["DB_POOL_SIZE", "0"],
    ["DB_POOL_SIZE", "1.5"],
    ["DB_CONNECT_TIMEOUT_MS", "0"],
    ["DB_STATEMENT_TIMEOUT_MS", "30s"],
    ["DB_MAX_LIFETIME_MS", "2147483648"],
    ["DB_MAX_WAITING", "0"],
    ["DB_ACQUIRE_TIMEOUT_MS", "0"],
    ["LOG_LEVEL", "loud"],
    ["HOST", "http://x"],
    ["HOST", "a b"],
    ["DATABASE_URL", "mysql://u:secret@h/d"],
    ["DATABASE_URL", "localhost"],
    ["DATABASE_URL", "//u:secret@h/d"],
    ["HOST", "postgres://u:secret@h/d"],
    ["PORT", "postgres://u:secret@h/d"],
    ["DB_POOL_SIZE", '["secret"]'],
    ["LOG_LEVEL", "u:secret@h"],
    ["SERVICE_API_KEYS", "[]"],
    ["SERVICE_API_KEYS", '["secret"'],
    ["SERVICE_API_KEYS", '{"a": 5}'],
    ["SERVICE_API_KEYS", '"secret"'],
    ["SERVICE_API_KEYS", "'[\"secret\"]'"],
    ["SERVICE_API_KEYS", '"[\\"secret\\"]"'],
    ["SERVICE_API_KEYS", "'secret,other'"],
    ["SERVICE_API_KEYS", "\"secret\",'other'"],
    ["SERVICE_API_KEYS", "other, `secret`"],
    ["SERVICE_API_KEYS", "secret key,b"],
    ["SERVICE_API_KEYS", ",,"],
    ["SERVICE_API_KEYS", '{"a": "secret", "b": "secret"}'],
    ["SERVICE_API_KEYS", '{"secret-1": "scheduler", "secret-2": "scheduler"}'],
    ["SERVICE_API_KEYS", '{"secret": ""}'],
  ])("%s = %s prevents the start with a sentence that names it, and shows no secret", (name, value) => {
    const problems = problemsOf({ SERVICE_API_KEYS: keys, [name]: value });
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(new RegExp(`^${name} .*\\.$`));
    expect(problems[0]).not.toContain("secret");
  });

  test("docs/running.md lists every limit, and no other", () => {
    const page = readFileSync(new URL("../../../../docs/running.md", import.meta.url), "utf8");
    const rows = Object.entries(LIMIT_SETTINGS).map(
      ([option, [, usual, meaning]]) =>
        `| \`${variableOf(option)}\` | \`${option}\` | ${usual.toLocaleString("en")} | ${meaning} |`,
    );
    expect(page.split("\n").filter((line) => line.startsWith("| `DB_"))).toEqual(rows);
    const http = page.split("\n").filter((line) => line.startsWith("| `HTTP_"));
    const columns = http.map((line) => line.split(" | "));
    expect(columns.map(([variable = "", , ...rest]) => [variable.slice(2), ...rest])).toEqual(
      Object.entries(HTTP_SETTINGS).map(([option, [, usual, meaning]]) => [
        `\`${variableOf(option)}\``,
        usual.toLocaleString("en"),
        `${meaning} |`,
      ]),
    );
  });

  test("the defaults of limits are those of the data layer", () => {
    const usual = Object.entries(LIMIT_SETTINGS).map(([option, [, value]]) => [variableOf(option), value]);
    expect(Object.fromEntries(usual)).toEqual({
      DB_CONNECT_TIMEOUT_MS: defaults.DEFAULT_CONNECT_TIMEOUT,
      DB_ACQUIRE_TIMEOUT_MS: defaults.DEFAULT_ACQUIRE_TIMEOUT,
      DB_STATEMENT_TIMEOUT_MS: defaults.DEFAULT_STATEMENT_TIMEOUT,
      DB_LOCK_TIMEOUT_MS: defaults.DEFAULT_LOCK_TIMEOUT,
      DB_IDLE_IN_TRANSACTION_TIMEOUT_MS: defaults.DEFAULT_IDLE_IN_TRANSACTION_TIMEOUT,
      DB_IDLE_TIMEOUT_MS: defaults.DEFAULT_IDLE_TIMEOUT,
      DB_PIPELINE_DEPTH: defaults.DEFAULT_PIPELINE_DEPTH,
      DB_MAX_LIFETIME_MS: defaults.DEFAULT_MAX_LIFETIME,
      DB_MAX_LAG_MS: defaults.DEFAULT_MAX_LAG,
      DB_MAX_WAITING: defaults.DEFAULT_MAX_WAITING,
      DB_MAX_IMPORTS: 0,
      DB_MAX_CONVERSATION_BYTES: defaults.DEFAULT_CONVERSATION_BYTES,
    });
  });

  test.each([
    [{ DB_POOLSIZE: "20" }, "DB_POOLSIZE is not a setting, and has no effect. Did you mean DB_POOL_SIZE?"],
    [{ DATABSE_URL: "./data" }, "DATABSE_URL is not a setting, and has no effect. Did you mean DATABASE_URL?"],
    [{ SERVICE_API_KEY: "x" }, "SERVICE_API_KEY is not a setting, and has no effect. Did you mean SERVICE_API_KEYS?"],
    [{ DB_LOCK_TIMEOUT: "1" }, "DB_LOCK_TIMEOUT is not a setting, and has no effect. Did you mean DB_LOCK_TIMEOUT_MS?"],
    [{ HTTP_PROXY: "x", HOSTNAME: "x", PORTS: "1", DB_HOST: "x", HOME: "/" }, undefined],
  ])("a misspelt variable causes a warning: %j", (environment, warning) => {
    const { warnings } = readSettings({ SERVICE_API_KEYS: keys, ...environment });
    expect(warnings).toEqual(warning === undefined ? [] : [warning]);
  });

  test("DATABASE_READ_URL is a server's URL beside one in DATABASE_URL", () => {
    const read = "postgres://u:p@standby/flux";
    expect(readSettings({ DATABASE_URL: databaseUrl, DATABASE_READ_URL: read }).readUrl).toBe(read);
    expect(problemsOf({ DATABASE_URL: databaseUrl, DATABASE_READ_URL: "mysql://h/d" })).toMatchObject([
      expect.stringMatching(/^DATABASE_READ_URL must /),
    ]);
    const embedded = [expect.stringMatching(/^DATABASE_READ_URL must be a standby of a server in DATABASE_URL/)];
    expect(problemsOf({ DATABASE_URL: databaseUrl, DATABASE_READ_URL: "./data" })).toMatchObject(embedded);
    expect(problemsOf({ DATABASE_URL: "memory://", DATABASE_READ_URL: read })).toMatchObject(embedded);
  });

  test("all problems are reported at once", () => {
    expect(problemsOf({ PORT: "x", LOG_LEVEL: "y", SERVICE_API_KEYS: "[]" })).toHaveLength(3);
  });

  test.each(["memory://", "./data", "/var/data", "file:///var/data", "postgres://h/d"])(
    "DATABASE_URL = %s is accepted",
    (url) => {
      expect(readSettings({ DATABASE_URL: url }).databaseUrl).toBe(url);
    },
  );

  test.each([
    [{ NODE_ENV: "production", DATABASE_URL: databaseUrl }],
    [{ HOST: "0.0.0.0" }],
    [{ HOST: "::" }],
    [{ HOST: "192.168.0.7" }],
    [{ HOST: "0.0.0.0", SERVICE_API_KEYS: '["own-key", "scheduler-key-def"]' }],
    [{ NODE_ENV: "production", DATABASE_URL: databaseUrl, SERVICE_API_KEYS: "observer-key-ghi" }],
    [{ NODE_ENV: "production", DATABASE_URL: databaseUrl, SERVICE_API_KEYS: '{"a": ["development-key-not-secret"]}' }],
  ])("%j is rejected, because of its keys", (environment) => {
    expect(problemsOf(environment).join()).toContain("SERVICE_API_KEYS");
  });

  test.each(["localhost", "127.0.0.1", "127.1.2.3", "::1", "[::1]"])("%s is loopback", (host) => {
    expect(readSettings({ HOST: host }).keys).toEqual(DEVELOPMENT_KEYS);
  });

  test("production needs a DATABASE_URL", () => {
    expect(problemsOf({ NODE_ENV: "production", SERVICE_API_KEYS: keys }).join()).toContain("DATABASE_URL");
  });
});

test("in production, keys that can be guessed cause a warning, which names them without showing them", () => {
  const production = { NODE_ENV: "production", DATABASE_URL: databaseUrl };
  const { warnings } = readSettings({ ...production, SERVICE_API_KEYS: `{"a": "fifteen-letters", "b": ${keys}}` });
  expect(warnings).toEqual([expect.stringMatching(/^SERVICE_API_KEYS .*\(a\).*openssl/)]);
  expect(warnings.join()).not.toContain("fifteen-letters");
  expect(readSettings({ SERVICE_API_KEYS: "short" }).warnings).toEqual([]);
});

describe("SERVICE_API_KEYS", () => {
  // Digests: the name of a key does not depend on its position in the list.
  const [A, B, X] = ["key-ca978112ca1b", "key-3e23e8160039", "key-2d711642b726"];

  test("a key's name does not change when others are added or removed", () => {
    const nameOf = (text: string) => [parseServiceKeys(text)].flat().find((entry) => Object(entry).key === "b");
    expect(nameOf("a,b")).toEqual({ name: B, key: "b" });
    for (const text of ["b", "b,a", "x,a,b", '["b"]', '["observer-key-ghi", "b"]']) {
      expect(nameOf(text)).toEqual({ name: B, key: "b" });
    }
  });

  test.each([
    [
      '["a", "b"]',
      [
        [A, "a"],
        [B, "b"],
      ],
    ],
    [
      " a , b ",
      [
        [A, "a"],
        [B, "b"],
      ],
    ],
    ["a,a", [[A, "a"]]],
    ["only", [["key-f905b19542ed", "only"]]],
    [
      '{"scheduler": "a", "observer": ["b", "c"]}',
      [
        ["scheduler", "a"],
        ["observer", "b"],
        ["observer", "c"],
      ],
    ],
    [
      '["observer-key-ghi", "x"]',
      [
        ["observer", "observer-key-ghi"],
        [X, "x"],
      ],
    ],
    ['{"__proto__": "a"}', [["__proto__", "a"]]],
  ])("%s", (text, expected) => {
    expect(parseServiceKeys(text)).toEqual(expected.map(([name, key]) => ({ name, key })));
  });
});

describe("SERVICE_API_KEYS with schemas", () => {
  const keysOf = (keys: unknown) => readSettings({ SERVICE_API_KEYS: JSON.stringify(keys) }).keys;

  test("binds each key to its schema, also several keys of one name", () => {
    const first = { key: "key-1", schema: "tenant_1" };
    const second = { key: "key-2", schema: "tenant_2" };
    expect(keysOf({ acme: first, umbrella: [second, "key-3"], operator: "key-4" })).toEqual([
      { name: "acme", ...first },
      { name: "umbrella", ...second },
      { name: "umbrella", key: "key-3" },
      { name: "operator", key: "key-4" },
    ]);
  });

  test.each([
    [{ acme: { key: "key-1", schema: "pg_x" } }, "no schema"],
    [{ acme: { key: "key-1", schema: null } }, "no schema"],
    [{ acme: { key: "key-1" } }, "no schema"],
    [{ acme: { schema: "tenant_1" } }, "1 to 200 printable"],
    [{ acme: { key: "key-1", schema: "tenant_1", scheme: "x" } }, "1 to 200 printable"],
    [{ a: { key: "key-1", schema: "tenant_1" }, b: { key: "key-1", schema: "tenant_2" } }, "same key"],
    [
      {
        a: [
          { key: "key-1", schema: "tenant_1" },
          { key: "key-1", schema: "tenant_2" },
        ],
      },
      "same key",
    ],
    [{ a: ["key-1", { key: "key-1", schema: "tenant_2" }] }, "same key"],
  ])("rejects %j, and shows no key", (keys, problem) => {
    expect(() => keysOf(keys)).toThrow(problem);
    expect(() => keysOf(keys)).not.toThrow("key-1");
  });
});

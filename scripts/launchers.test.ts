import { expect, test } from "vitest";
import { roleOf } from "./launchers.ts";

test.each([
  ["npm exec pnpm@10.34.9 dev", "launcher"],
  ["node /usr/bin/npx --yes pnpm@10.34.9 dev", "launcher"],
  ["node /usr/lib/node_modules/npm/bin/npx-cli.js pnpm dev", "launcher"],
  ["/usr/bin/node --no-warnings /opt/npm/_npx/1a2b/node_modules/.bin/pnpm dev", "launcher"],
  ["node /usr/lib/node_modules/pnpm/bin/pnpm.cjs dev", "launcher"],
  ["sh -c pnpm dev", "shell"],
  ["/bin/bash -c npx --yes pnpm@10.34.9 dev", "shell"],
  ["su user -c npx --yes pnpm@10.34.9 dev", "other"],
  ["sudo npx --yes pnpm@10.34.9 dev", "other"],
  ["-bash", "other"],
  ["bash /builds/npm/ci.sh", "other"],
  ["node /srv/pnpm/server.js --with npm", "other"],
  ["vim scripts/pnpm.ts", "other"],
])("classifies '%s' as %s", (command, role) => {
  expect(roleOf(command)).toBe(role);
});

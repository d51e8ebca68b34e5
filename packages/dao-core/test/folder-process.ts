/**
 * A separate process, or thread, that opens the folder of an embedded database at its parent's command, and reports the
 * outcome. Arguments: the folder.
 */

import { parentPort } from "node:worker_threads";
import { openDatabase } from "../src/database.ts";
import { takeFolder } from "../src/drivers/pglite/pglite-folder.ts";

/** A command of the parent: only lock the folder, open its database, release it, write a user, exit without closing. */
export type FolderOrder = "take" | "open" | "release" | "write" | "exit";

/** A report to the parent. */
export type FolderReport = { readonly done: FolderOrder } | { readonly error: string };

const [folder = ""] = process.argv.slice(2);
let release = async () => {};
let write = async (_: number) => {};
let written = 0;

const carriedOut: Readonly<Record<FolderOrder, () => Promise<void>>> = {
  async take() {
    ({ release } = await takeFolder(folder));
  },
  async open() {
    const database = await openDatabase(folder);
    release = () => database.close();
    write = async (number) => {
      await database.users.create({ name: "Ada", email: `ada-${process.pid}-${number}@example.com` });
    };
  },
  release: () => release(),
  write: () => write(written++),
  exit: async () => process.exit(0),
};

async function carryOut(order: FolderOrder): Promise<void> {
  const report: FolderReport = await carriedOut[order]().then(
    () => ({ done: order }),
    (error: unknown) => ({ error: error instanceof Error ? error.message : String(error) }),
  );
  if (parentPort === null) process.send?.(report);
  else parentPort.postMessage(report);
}

(parentPort ?? process).on("message", carryOut);

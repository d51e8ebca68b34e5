/**
 * A process, or a thread, of its own that takes a folder for an embedded database when its parent says so, and reports how it
 * went. Arguments: the folder.
 */

import { parentPort } from "node:worker_threads";
import { openDatabase } from "../src/database.ts";
import { takeFolder } from "../src/drivers/pglite/pglite-folder.ts";

/** What the parent says: take the folder alone, open the database in it, let it go, write a user, end without a word. */
export type FolderOrder = "take" | "open" | "release" | "write" | "exit";

/** What it hears. */
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

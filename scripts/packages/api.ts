/**
 * Writes each package's `api/*.api.md`: its exports as a user's compiler sees them. A change in them is a change of the
 * public API, and is reviewed. With `--check` it writes nothing, and exits with 1 if a report differs.
 */
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { Extractor, ExtractorConfig, ExtractorLogLevel } from "@microsoft/api-extractor";
import { type PackageEntry, type PublishedPackage, readPublishedPackages } from "./published-package.ts";
import { writeOrCheck } from "./recorded-text.ts";

const silent = { default: { logLevel: ExtractorLogLevel.None } };

/** The report of one entry: its imports and its declarations, sorted by name. */
async function extract({ folder }: PublishedPackage, { declarations }: PackageEntry, work: string): Promise<string> {
  const reportFileName = "entry.api.md";
  const extractorConfig = ExtractorConfig.prepare({
    configObject: {
      projectFolder: folder,
      mainEntryPointFilePath: declarations,
      compiler: {
        overrideTsconfig: {
          compilerOptions: {
            target: "ES2023",
            // "DOM" because API Extractor cannot follow the AbortSignal of @types/node, which is a conditional type.
            lib: ["ES2023", "ESNext.Disposable", "DOM"],
            module: "NodeNext",
            types: ["node"],
            strict: true,
            skipLibCheck: true,
          },
          files: [declarations],
        },
      },
      apiReport: {
        enabled: true,
        includeForgottenExports: true,
        reportFileName,
        reportFolder: work,
        reportTempFolder: work,
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      newlineKind: "lf",
      messages: { extractorMessageReporting: silent, tsdocMessageReporting: silent },
    },
    configObjectFullPath: undefined,
    packageJsonFullPath: join(folder, "package.json"),
  });
  const errors: string[] = [];
  Extractor.invoke(extractorConfig, {
    localBuild: true,
    messageCallback: (message) => {
      if (message.logLevel === ExtractorLogLevel.Error) errors.push(message.text);
      message.handled = true;
    },
  });
  if (errors.length > 0) throw new Error(`API Extractor on ${declarations}: ${errors.join("\n")}`);
  const report = await readFile(join(work, reportFileName), "utf8");
  const code = /```ts\n([\s\S]*)\n```/.exec(report)?.[1];
  if (code === undefined) throw new Error(`API Extractor wrote no report on ${declarations}.`);
  return code;
}

/** The declared name of a part of a report, or `undefined` for imports and the closing comment. */
const nameIn = (part: string) =>
  /^(?:export )?(?:declare )?(?:abstract )?(?!import|export)\w+ ([\w$]+)/m.exec(part)?.[1];

/** One section per entry. A declaration that an earlier entry also exports is listed by name only. */
async function reportOf(published: PublishedPackage, work: string): Promise<string> {
  const sections: string[] = [];
  const declaredIn = new Map<string, string>();
  for (const entry of published.entries) {
    const parts = (await extract(published, entry, await mkdtemp(join(work, "entry-")))).trim().split(/\n\n+/);
    const imports = parts.filter((part) => part.startsWith("import "));
    const alike = new Map<string, string[]>();
    const declared: string[] = [];
    for (const part of parts) {
      const name = nameIn(part);
      if (name === undefined) continue;
      const isExported = /^export /m.test(part);
      const declaration = part.replace(/^export /m, "");
      const earlier = declaredIn.get(declaration);
      if (earlier === undefined) {
        declaredIn.set(declaration, entry.specifier);
        declared.push(part);
      } else if (isExported) {
        alike.set(earlier, [...(alike.get(earlier) ?? []), `\`${name}\``]);
      }
    }
    sections.push(`## \`${entry.specifier}\``);
    for (const [earlier, names] of alike) sections.push(`As in \`${earlier}\`: ${names.join(", ")}.`);
    if (declared.length > 0) sections.push(`\`\`\`ts\n${[...imports, ...declared].join("\n\n")}\n\`\`\``);
  }
  const title = [
    `# The public types of ${published.manifest.name}`,
    "Written by `pnpm api` from what is built, with API Extractor. Review a difference as a promise to users.",
  ];
  return `${[...title, ...sections].join("\n\n")}\n`;
}

const work = await mkdtemp(join(tmpdir(), "flux-dao-api-"));
try {
  const records = [];
  for (const published of await readPublishedPackages()) {
    const name = basename(published.folder);
    const folder = join(published.folder, "api");
    await mkdir(folder, { recursive: true });
    records.push({ file: join(folder, `${name}.api.md`), text: await reportOf(published, work) });
  }
  await writeOrCheck(records, "pnpm api");
} finally {
  await rm(work, { recursive: true });
}

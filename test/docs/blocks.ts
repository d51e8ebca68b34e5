import { lexer, type Token } from "marked";

/** A fenced code block of a page. */
export interface Block {
  readonly language: string;
  /** The rest of the line after the language: `run`, `title=plan.ts`. */
  readonly attributes: ReadonlySet<string>;
  readonly title: string | undefined;
  readonly code: string;
  /** The line of its first line of code, from 1. */
  readonly line: number;
  /** The code in the comment before it, `<!-- given: … -->`: the block is then a part of a module, and is not run. */
  readonly given: string | undefined;
  /** The `text` block after it: what it prints. */
  readonly shown: string | undefined;
}

/** The code blocks of a Markdown page, in order, including those in lists and quotes. */
export function blocksOf(markdown: string): Block[] {
  const blocks: Omit<Block, "shown">[] = [];
  let given: string | undefined;
  const visit = (tokens: readonly Token[]) => {
    for (const token of tokens) {
      if (token.type === "html") given = /^<!-- given:\s*([\s\S]*?)\s*-->/.exec(token.raw)?.[1];
      else if (token.type === "code" && token.raw.startsWith("```")) {
        blocks.push(block(markdown, token.raw, token["lang"] ?? "", token["text"], given));
        given = undefined;
      } else if (token.type !== "space") given = undefined;
      if ("tokens" in token && token.tokens !== undefined) visit(token.tokens);
      if (token.type === "list") visit(token["items"]);
    }
  };
  visit(lexer(markdown));
  return blocks.map((each, index) => {
    const next = blocks[index + 1];
    return { ...each, shown: next?.language === "text" ? next.code : undefined };
  });
}

function block(page: string, raw: string, info: string, code: string, given: string | undefined): Omit<Block, "shown"> {
  const [language = "", ...attributes] = info.split(/\s+/);
  const title = attributes.find((attribute) => attribute.startsWith("title="))?.slice("title=".length);
  const line = page.slice(0, page.indexOf(raw)).split("\n").length + 1;
  return { language, attributes: new Set(attributes), title, code, line, given };
}

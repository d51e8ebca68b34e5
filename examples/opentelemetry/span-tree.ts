import { SpanKind } from "@opentelemetry/api";
import type { ReadableSpan } from "@opentelemetry/sdk-trace-node";

/** Spans as lines, each below its parent and indented by two more spaces, in the order of their start. */
export function spanTree(spans: readonly ReadableSpan[]): string[] {
  const ids = new Set(spans.map((span) => span.spanContext().spanId));
  const inOrder = spans.toSorted((a, b) => a.startTime[0] - b.startTime[0] || a.startTime[1] - b.startTime[1]);
  const below = (parent: string | undefined, indent: string): string[] =>
    inOrder
      .filter(({ parentSpanContext }) => {
        const id = parentSpanContext?.spanId;
        return parent === undefined ? id === undefined || !ids.has(id) : id === parent;
      })
      .flatMap((span) => [
        `${indent}${span.name} (${SpanKind[span.kind]?.toLowerCase()})`,
        ...below(span.spanContext().spanId, `${indent}  `),
      ]);
  return below(undefined, "");
}

import { type HeapProfiler, type Profiler, Session } from "node:inspector/promises";

/** A node of a call tree, and what its function itself took: microseconds, or bytes that it allocated. */
export interface CallNode {
  readonly name: string;
  readonly url: string;
  /** From 0. */
  readonly line: number;
  readonly column: number;
  readonly own: number;
  readonly children: readonly CallNode[];
}

export type ProfileKind = "cpu" | "allocations";

/** Bytes between two sampled allocations, and microseconds between two samples of the stack. */
const INTERVALS = { allocations: 4_096, cpu: 200 };

/** Profiles this process. Allocations count even if they were collected since. */
export class OwnProfiler {
  readonly #session = new Session();

  constructor() {
    this.#session.connect();
  }

  async start(kind: ProfileKind): Promise<null> {
    if (kind === "allocations") {
      await this.#session.post("HeapProfiler.startSampling", {
        samplingInterval: INTERVALS.allocations,
        includeObjectsCollectedByMajorGC: true,
        includeObjectsCollectedByMinorGC: true,
      });
      return null;
    }
    await this.#session.post("Profiler.enable");
    await this.#session.post("Profiler.setSamplingInterval", { interval: INTERVALS.cpu });
    await this.#session.post("Profiler.start");
    return null;
  }

  async stop(kind: ProfileKind): Promise<CallNode> {
    if (kind === "allocations") return allocated((await this.#session.post("HeapProfiler.stopSampling")).profile.head);
    return timed((await this.#session.post("Profiler.stop")).profile);
  }
}

function allocated(node: HeapProfiler.SamplingHeapProfileNode): CallNode {
  return toNode(node.callFrame, node.selfSize, node.children.map(allocated));
}

function timed({ nodes, samples = [], timeDeltas = [] }: Profiler.Profile): CallNode {
  const own = new Map<number, number>();
  for (const [index, id] of samples.entries()) own.set(id, (own.get(id) ?? 0) + (timeDeltas[index] ?? 0));
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const read = (id: number): CallNode => {
    const { callFrame, children = [] } = byId.get(id) as Profiler.ProfileNode;
    return toNode(callFrame, own.get(id) ?? 0, children.map(read));
  };
  return read(nodes[0]?.id ?? 0);
}

function toNode(frame: Profiler.ProfileNode["callFrame"], own: number, children: readonly CallNode[]): CallNode {
  const { functionName: name, url, lineNumber: line, columnNumber: column } = frame;
  return { name, url, line, column, own, children };
}

// Where the time of a training step goes: inside ONNX Runtime by kind of graph, in loops of WebAssembly and products by minimal filtering,
// and the rest.
import { OnnxRuntimeBackend } from '../../../src/engine/backend/backend.js';
import { tensorLoops } from '../../../src/engine/backend/loops/tensor-loops.js';
import { type Row, row } from '../row.js';

/** Kinds of work, and the graphs (keys of their sessions) that do it; the first that fits counts. */
const kinds: readonly (readonly [kind: string, graph: RegExp])[] = [
  ['minimal filtering: filters to and fro', /^Winograd:/],
  ['convolution', /^Conv2D:/],
  ['input gradient', /^(Conv2DBackpropInput|ConvTranspose)/],
  ['filter gradient: products', /^FilterGradient:(products|columns|images|product|pointwise)/],
  ['filter gradient: bringing into order', /^FilterGradient:/],
  ['dense layers', /^MatMul:/],
  ['pooling', /^Pool:/],
  ['between layouts', /^Layout:/],
  ['ReLU', /^Relu/],
];

/** Kinds of work of loops. */
const LOOPS = {
  gradients: 'gradients of pooling and ReLU (WebAssembly)',
  momentum: 'momentum (WebAssembly)',
  convolution: 'minimal filtering: convolutions and input gradients',
  filterGradient: 'minimal filtering: filter gradients',
} as const;

/** What is left of a step: tfjs, the kernels' own lines, plain loops over small tensors. */
export const SCRIPT = 'JavaScript';

/** Milliseconds by kind of work, `SCRIPT` among them. */
export interface Profile {
  readonly total: number;
  readonly parts: Readonly<Record<string, number>>;
  /** The least that `SCRIPT` took in any of the calls: what else a machine does only ever adds to it. */
  readonly script: number;
}

/**
 * Where the time of the quickest of several calls of `use` goes. Graphs and loops are timed from outside: some microseconds each are
 * theirs.
 *
 * @param warmUp calls that are timed but do not count: V8 compiles the callers of what is timed again
 */
export const profileOf = (repetitions: number, use: () => void, warmUp: number): Profile => {
  let parts = new Map<string, number>();
  const timed = <A extends unknown[], R>(kind: string, call: (...args: A) => R, ...args: A): R => {
    const start = performance.now();
    try {
      return call(...args);
    } finally {
      parts.set(kind, (parts.get(kind) ?? 0) + performance.now() - start);
    }
  };
  const prototype = OnnxRuntimeBackend.prototype as { run: OnnxRuntimeBackend['run'] };
  const run = prototype.run;
  const loops = { ...tensorLoops };
  const kindOf = new Map<string, string>(); // Looked for once: it would count as the step's.
  prototype.run = function (this: OnnxRuntimeBackend, ...args) {
    const [key] = args;
    let kind = kindOf.get(key);
    if (kind === undefined) {
      kind = kinds.find(([, graph]) => graph.test(key))?.[0] ?? 'other graphs';
      kindOf.set(key, kind);
    }
    timed(kind, (...a: Parameters<typeof run>) => run.apply(this, a), ...args);
  };
  const timedLoop =
    <A extends unknown[], R>(kind: string, loop: (...args: A) => R) =>
    (...args: A): R =>
      timed(kind, loop, ...args);
  Object.assign(tensorLoops, {
    poolGradient: timedLoop(LOOPS.gradients, loops.poolGradient),
    reluGradient: timedLoop(LOOPS.gradients, loops.reluGradient),
    momentum: timedLoop(LOOPS.momentum, loops.momentum),
    convolution: timedLoop(LOOPS.convolution, loops.convolution),
    filterGradient: timedLoop(LOOPS.filterGradient, loops.filterGradient),
  });
  const once = (): Omit<Profile, 'script'> => {
    parts = new Map();
    const start = performance.now();
    use();
    const total = performance.now() - start;
    const native = [...parts.values()].reduce((a, b) => a + b, 0);
    return { total, parts: { ...Object.fromEntries(parts), [SCRIPT]: total - native } };
  };
  try {
    for (let i = 0; i < warmUp; i++) once();
    const profiles = Array.from({ length: repetitions }, once);
    const quickest = profiles.reduce((a, b) => (b.total < a.total ? b : a));
    return { ...quickest, script: Math.min(...profiles.map((each) => each.parts[SCRIPT]!)) };
  } finally {
    prototype.run = run;
    Object.assign(tensorLoops, loops);
  }
};

/** A row for each kind of work of a step, the longest first. */
export const profileRows = (name: string, { total, parts }: Profile): Row[] =>
  Object.entries(parts)
    .sort(([, a], [, b]) => b - a)
    .map(([kind, time]) =>
      row({
        case: `${name}, ${kind}`,
        unit: 'ms',
        ours: time,
        peer: total,
        peerName: 'the whole step',
        figure: time / total,
        target: null,
        better: 'lower',
      }),
    );

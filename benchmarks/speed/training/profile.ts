// Where the time of a training step goes: inside ONNX Runtime by kind of graph, in the loops of WebAssembly, and the rest.
import { OnnxRuntimeBackend } from '../../../src/engine/backend/backend.js';
import { tensorLoops } from '../../../src/engine/backend/loops/loops.js';
import { type Row, row } from '../row.js';

/** Kinds of work, and the graphs (keys of their sessions) that do it; the first that fits counts. */
const kinds: readonly (readonly [kind: string, graph: RegExp])[] = [
  ['convolution', /^Conv2D:/],
  ['input gradient', /^(Conv2DBackpropInput|ConvTranspose)/],
  ['filter gradient: products', /^FilterGradient:(products|columns|product|pointwise)/],
  ['filter gradient: bringing into order', /^FilterGradient:/],
  ['dense layers', /^MatMul:/],
  ['pooling', /^Pool:/],
  ['between layouts', /^Layout:/],
  ['ReLU', /^Relu/],
];

/** What is left of a step: tfjs, the kernels' own lines, plain loops over small tensors. */
export const SCRIPT = 'JavaScript';

/** Milliseconds by kind of work, `SCRIPT` among them. */
export interface Profile {
  readonly total: number;
  readonly parts: Readonly<Record<string, number>>;
}

/** Runs `use` once and says where its time went. Calls of graphs and loops are timed from outside: some microseconds each are theirs. */
export const profile = (use: () => void): Profile => {
  const parts = new Map<string, number>();
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
  prototype.run = function (this: OnnxRuntimeBackend, ...args) {
    const kind = kinds.find(([, graph]) => graph.test(args[0]))?.[0] ?? 'other graphs';
    timed(kind, (...a: Parameters<typeof run>) => run.apply(this, a), ...args);
  };
  Object.assign(tensorLoops, {
    poolGradient: (...args: Parameters<typeof loops.poolGradient>) =>
      timed('gradients of pooling and ReLU (WebAssembly)', loops.poolGradient, ...args),
    reluGradient: (...args: Parameters<typeof loops.reluGradient>) =>
      timed('gradients of pooling and ReLU (WebAssembly)', loops.reluGradient, ...args),
    momentum: (...args: Parameters<typeof loops.momentum>) =>
      timed('momentum (WebAssembly)', loops.momentum, ...args),
  });
  const start = performance.now();
  try {
    use();
  } finally {
    prototype.run = run;
    Object.assign(tensorLoops, loops);
  }
  const total = performance.now() - start;
  const native = [...parts.values()].reduce((a, b) => a + b, 0);
  parts.set(SCRIPT, total - native);
  return { total, parts: Object.fromEntries(parts) };
};

/** The profile of the quickest of several runs. */
export const bestProfile = (repetitions: number, use: () => void): Profile => {
  let best: Profile | undefined;
  for (let i = 0; i < repetitions; i++) {
    const next = profile(use);
    if (!best || next.total < best.total) best = next;
  }
  return best!;
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

// Where the time of a training step goes: inside ONNX Runtime by kind of graph, in loops of WebAssembly, in Winograd's algorithm, and the
// rest.
import { parallelLoops } from '../../../src/engine/onnxruntime/loops/parallel.js';
import { Sessions } from '../../../src/engine/onnxruntime/sessions.js';
import { parallelWinograd } from '../../../src/engine/onnxruntime/winograd/parallel.js';
import { type Row, row } from '../row.js';

/** Kinds of work, and the graphs (keys of their sessions) that do it; the first that fits counts. */
const kinds: readonly (readonly [kind: string, graph: RegExp])[] = [
  ['Winograd: transforms of filters', /^Winograd:/],
  ['convolution', /^(Conv2D|Filter):/],
  ['input gradient', /^(Conv2DBackpropInput|ConvTranspose)/],
  ['filter gradient: products', /^FilterGradient:(products|columns|images|product|pointwise)/],
  ['filter gradient: reordering', /^FilterGradient:/],
  ['dense layers', /^MatMul:/],
  ['pooling', /^Pool:/],
  ['between layouts', /^Layout:/],
  ['ReLU', /^Relu/],
];

const LOOP = 'loop: ';

type Timed = Record<string, (...args: never[]) => unknown>;

/** Functions that are timed as a whole, and the kinds of work that they do. */
const timed: readonly (readonly [functions: Timed, kinds: Readonly<Record<string, string>>])[] = [
  [
    parallelLoops,
    {
      poolGradient: `${LOOP}gradients of pooling and ReLU (WebAssembly)`,
      reluGradient: `${LOOP}gradients of pooling and ReLU (WebAssembly)`,
      momentum: `${LOOP}momentum (WebAssembly)`,
    },
  ],
  [
    parallelWinograd,
    {
      convolution: `${LOOP}Winograd: convolutions and input gradients`,
      filterGradient: `${LOOP}Winograd: filter gradients`,
    },
  ],
];

/** What is left of a step: tfjs, the kernels' own lines, plain loops over small tensors. */
const SCRIPT = 'JavaScript';

/** Milliseconds by kind of work, `SCRIPT` among them. */
export interface Profile {
  readonly total: number;
  readonly parts: Readonly<Record<string, number>>;
  /** The least that `SCRIPT` took in any of the calls: what else a machine does only ever adds to it. */
  readonly script: number;
}

/** What was called in a step, by the key of its graph or the kind of its loop, and for how long: noted in two stores, so as not to be the step's. */
class Log {
  readonly #names: string[] = [];
  readonly #times: number[] = [];
  #length = 0;

  /** A function that does the same and notes its time. */
  timing<This, A extends unknown[], R>(
    nameOf: (...args: A) => string,
    call: (this: This, ...args: A) => R,
  ): (this: This, ...args: A) => R {
    const note = (name: string, start: number): void => {
      this.#times[this.#length] = performance.now() - start;
      this.#names[this.#length++] = name;
    };
    return function (...args) {
      const start = performance.now();
      try {
        return call.apply(this, args);
      } finally {
        note(nameOf(...args), start);
      }
    };
  }

  /** Milliseconds by kind of work since the last time. */
  take(): Map<string, number> {
    const parts = new Map<string, number>();
    for (let i = 0; i < this.#length; i++) {
      const name = this.#names[i]!;
      const kind = name.startsWith(LOOP)
        ? name.slice(LOOP.length)
        : (kinds.find(([, graph]) => graph.test(name))?.[0] ?? 'other graphs');
      parts.set(kind, (parts.get(kind) ?? 0) + this.#times[i]!);
    }
    this.#length = 0;
    return parts;
  }
}

/**
 * Where the time of the quickest of several calls of `use` goes. Graphs and loops are timed from outside: some microseconds each are
 * theirs.
 *
 * @param warmUp calls that are timed but do not count: V8 compiles the callers of what is timed again
 */
export const profileOf = (repetitions: number, use: () => void, warmUp: number): Profile => {
  const log = new Log();
  const prototype = Sessions.prototype as { run: Sessions['run'] };
  const run = prototype.run;
  prototype.run = log.timing((key) => key, run);
  const originals = timed.map(([functions]) => ({ ...functions }));
  for (const [functions, names] of timed)
    for (const [name, kind] of Object.entries(names))
      functions[name] = log.timing(() => kind, functions[name]!);
  const once = (): Omit<Profile, 'script'> => {
    const start = performance.now();
    use();
    const total = performance.now() - start;
    const parts = log.take();
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
    timed.forEach(([functions], i) => Object.assign(functions, originals[i]));
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

// Profiles a training step: ONNX Runtime by kind of graph, WebAssembly loops, Winograd's algorithm, and the rest.
import { parallelLoops } from '../../../src/engine/onnxruntime/loops/parallel.js';
import { Sessions } from '../../../src/engine/onnxruntime/sessions.js';
import { parallelWinograd } from '../../../src/engine/onnxruntime/winograd/parallel.js';
import { type Row, row } from '../row.js';

/** Kinds of work, by the session key of the graph; the first match counts. */
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

/** Functions timed as a whole, with their kinds of work. */
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

/** The rest of a step: tfjs, the kernels' JavaScript, loops over small tensors. */
const SCRIPT = 'JavaScript';

/** Milliseconds by kind of work, `SCRIPT` among them. */
export interface Profile {
  readonly total: number;
  readonly parts: Readonly<Record<string, number>>;
  /** Minimum of `SCRIPT` over all calls. */
  readonly script: number;
}

/** The calls in a step, by graph key or kind of loop, and their durations, in two arrays to keep the overhead small. */
class Log {
  readonly #names: string[] = [];
  readonly #times: number[] = [];
  #length = 0;

  /** Wraps a function so that its time is recorded. */
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

  /** Milliseconds by kind of work since the last call. */
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
 * The profile of the fastest of several calls of `use`. Each timed graph or loop includes some microseconds of overhead.
 *
 * @param warmUp number of calls before, in which V8 compiles the timed functions
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

/** One row per kind of work, the longest first. */
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

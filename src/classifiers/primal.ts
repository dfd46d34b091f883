// The solver "primal": weights in memory, descriptors streamed from disk block by block, for more rows than a Gram matrix can have.
//
// Block minimisation (Yu, Hsieh, Chang and Lin, 2010): of each block that passes by, the small Gram matrix is made, its
// coefficients are solved for while all others stay, and the weights of every class take the change. Every round ends
// with a pass that only measures: both objectives at the weights as they are, so that the gap is exact.
import { availableParallelism } from 'node:os';
import { matmul } from '../engine/gemm.js';
import type { Matrix } from '../matrix.js';
import type { OnProgress } from '../progress.js';
import { gramOf } from './gram.js';
import type { Fit } from './model.js';
import type { Certificate, ClassLabels, FullSettings } from './problem.js';
import { type Descriptors, blocksOf } from './rows.js';
import { type Kernels } from './solver/kernels.js';
import { placeOf } from './solver/place.js';
import { relaxFrom, setCosts, setLabels, sideWeights } from './solver/solve.js';
import { REPORT, type Workspace } from './solver/workspace.js';
import { workspaceStart } from './gram.js';

/** Rows of a block: as large as its descriptors and Gram matrix are still small beside the weights. */
const BLOCK = 4096;
/** Bytes of descriptors that a block may have. */
const BLOCK_BYTES = 256 * 2 ** 20;
/** Rounds over all rows after which a class is given up as not converging. */
const MOST_ROUNDS = 200;

/** How the streaming is done. */
export interface PrimalOptions {
  readonly threads?: number;
  /** Rows of a block; default 4,096, fewer where descriptors are long. */
  readonly blockRows?: number;
  readonly onProgress?: OnProgress;
}

/** One class on its way. */
interface State {
  readonly labels: Int8Array;
  readonly C: number;
  readonly alpha: Float32Array;
  readonly weights: Float64Array;
  bias: number;
  updates: number;
  certificate: Certificate | undefined;
}

/** [count, columns] float32 weights of some classes. */
const stack = (states: readonly State[], columns: number): Float32Array => {
  const data = new Float32Array(states.length * columns);
  states.forEach(({ weights }, c) => data.set(weights, c * columns));
  return data;
};

const valuesOf = (block: Matrix, weights: Float32Array, count: number, threads: number): Float32Array =>
  matmul(block.data, block.rows, block.columns, weights, count, block.columns, { transposeB: true, threads });

/** Solves one class on one block, all other rows staying; returns the change of y alpha. */
const solveBlock = (
  w: Workspace,
  kernels: Kernels,
  state: State,
  start: number,
  values: (row: number) => number,
  settings: FullSettings,
): Float32Array => {
  const labels = state.labels.subarray(start, start + w.n);
  setLabels(w, labels);
  for (let i = 0; i < w.n; i++) {
    w.alpha[i] = state.alpha[start + i]!;
    w.f[i] = values(i);
  }
  setCosts(w, state.C, settings, sideWeights(state.labels, settings.classWeights));
  state.bias = relaxFrom(w, kernels, state.bias, settings);
  state.updates += w.report[REPORT.updates]!;
  return Float32Array.from(labels, (y, i) => {
    const change = y * (w.alpha[i]! - state.alpha[start + i]!);
    state.alpha[start + i] = w.alpha[i]!;
    return change;
  });
};

/** One pass that solves: every block, every class that is still open. */
const improve = async (
  descriptors: Descriptors,
  states: readonly State[],
  settings: FullSettings,
  blockRows: number,
  threads: number,
): Promise<void> => {
  const { columns } = descriptors;
  for await (const { start, block } of blocksOf(descriptors, blockRows)) {
    const gram = gramOf(block, { threads });
    const { workspace, kernels } = placeOf({
      rows: block.rows,
      gram: gram.data,
      start: workspaceStart(block.rows, 0),
      ...(gram.memory && { memory: gram.memory }),
    });
    const values = valuesOf(block, stack(states, columns), states.length, threads);
    const changes = new Float32Array(states.length * block.rows);
    states.forEach((state, c) => {
      const value = (row: number): number => values[row * states.length + c]!;
      changes.set(solveBlock(workspace, kernels, state, start, value, settings), c * block.rows);
    });
    const steps = matmul(changes, states.length, block.rows, block.data, block.rows, columns, { threads });
    states.forEach(({ weights }, c) => {
      for (let k = 0; k < columns; k++) weights[k]! += steps[c * columns + k]!;
    });
  }
};

/** One pass that measures: the certificates of the float32 weights as they are. */
const measure = async (
  descriptors: Descriptors,
  states: readonly State[],
  settings: FullSettings,
  blockRows: number,
  threads: number,
): Promise<void> => {
  const squared = settings.loss === 'squared-hinge';
  const weights = stack(states, descriptors.columns);
  const losses = states.map(() => 0);
  const sides = states.map(({ labels }) => sideWeights(labels, settings.classWeights));
  const costOf = (c: number, y: number): number =>
    states[c]!.C * (y > 0 ? sides[c]!.positive : sides[c]!.negative);
  for await (const { start, block } of blocksOf(descriptors, blockRows)) {
    const values = valuesOf(block, weights, states.length, threads);
    states.forEach(({ labels, bias }, c) => {
      for (let i = 0; i < block.rows; i++) {
        const y = labels[start + i]!;
        if (y === 0) continue;
        const slack = Math.max(0, 1 - y * (values[i * states.length + c]! + bias));
        losses[c]! += costOf(c, y) * (squared ? slack * slack : slack);
      }
    });
  }
  states.forEach((state, c) => {
    let norm = (state.bias / settings.biasScale) ** 2;
    for (const value of state.weights) norm += value * value;
    let [linear, penalty, supportVectors] = [0, 0, 0];
    state.alpha.forEach((a, i) => {
      if (a === 0) return;
      linear += a;
      if (squared) penalty += (a * a) / (2 * costOf(c, state.labels[i]!));
      supportVectors++;
    });
    const primal = norm / 2 + losses[c]!;
    const dual = linear - (norm + penalty) / 2;
    const gap = primal > 0 ? (primal - dual) / primal : 0;
    const converged = gap <= settings.tolerance;
    state.certificate = { primal, dual, gap, converged, supportVectors, updates: state.updates };
  });
};

/**
 * Trains every class with its C on rows that are streamed, several times, until each gap is proved. Memory: the weights,
 * one coefficient a row and class, one block.
 */
export const fitPrimal = async (
  descriptors: Descriptors,
  classes: readonly ClassLabels[],
  Cs: readonly number[],
  settings: FullSettings,
  options: PrimalOptions,
): Promise<Fit> => {
  const { rows, columns } = descriptors;
  const threads = options.threads ?? availableParallelism();
  const blockRows = Math.min(
    rows,
    options.blockRows ?? Math.max(64, Math.min(BLOCK, Math.floor(BLOCK_BYTES / 4 / columns))),
  );
  const states = classes.map(({ labels }, c): State => ({
    labels,
    C: Cs[c]!,
    alpha: new Float32Array(rows),
    weights: new Float64Array(columns),
    bias: 0,
    updates: 0,
    certificate: undefined,
  }));
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const open = states.filter(({ certificate }) => !certificate?.converged);
    options.onProgress?.({
      task: 'svm',
      done: states.length - open.length,
      total: states.length,
      unit: 'classes',
      figures: { round },
    });
    if (open.length === 0) break;
    await improve(descriptors, open, settings, blockRows, threads);
    await measure(descriptors, open, settings, blockRows, threads);
  }
  return {
    solver: 'primal',
    weights: { rows: classes.length, columns, data: stack(states, columns) },
    biases: Float32Array.from(states, ({ bias }) => bias),
    certificates: states.map(({ certificate }) => certificate!),
    notes: [],
  };
};

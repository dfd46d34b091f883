// The passes of the primal solver over its rows: one solves block by block, one computes certificates, one
// fetches rows.
import { type Matrix, rowOf } from '../matrix.js';
import { type Gram, gramOf, workspaceStart } from './gram.js';
import { times, timesTransposed } from './product.js';
import { type Certificate, type FullSettings, gapWanted } from './problem.js';
import { type Descriptors, blocksOf } from './rows.js';
import type { Kernels } from './solver/kernels.js';
import { workspaceOf } from './solver/thread-memory.js';
import { relaxFrom, setCosts, setLabels, sideWeights } from './solver/solve.js';
import { REPORT, type Workspace } from './solver/workspace.js';

/** One class during training. */
export interface State {
  readonly labels: Int8Array;
  readonly C: number;
  readonly alpha: Float64Array;
  /** w, without the bias: the sum of y alpha x. */
  readonly weights: Float64Array;
  bias: number;
  updates: number;
  certificate: Certificate | undefined;
}

/** [count, columns] float32 weights of some classes. */
export const stack = (states: readonly State[], columns: number): Matrix => {
  const data = new Float32Array(states.length * columns);
  states.forEach(({ weights }, c) => data.set(weights, c * columns));
  return { rows: states.length, columns, data };
};

/** Some rows of the problem, with their descriptors. */
export interface Block {
  readonly indices: readonly number[];
  readonly matrix: Matrix;
}

/** The block that begins at `start`, and the companions outside it. */
const withCompanions = (start: number, block: Matrix, companions: Block): Block => {
  const { columns } = block;
  const others = [...companions.indices.keys()].filter((at) => {
    const row = companions.indices[at]!;
    return row < start || row >= start + block.rows;
  });
  const rows = block.rows + others.length;
  const data = new Float32Array(rows * columns);
  data.set(block.data);
  others.forEach((at, i) => data.set(rowOf(companions.matrix, at), (block.rows + i) * columns));
  const own = Array.from({ length: block.rows }, (_, i) => start + i);
  return {
    indices: [...own, ...others.map((at) => companions.indices[at]!)],
    matrix: { rows, columns, data },
  };
};

/** Rows whose coefficient is between its bounds for the most unsolved classes, ascending; at most `most`. */
const companionRows = (states: readonly State[], settings: FullSettings, most: number): number[] => {
  const counts = new Map<number, number>();
  for (const { labels, alpha, C } of states) {
    const sides = sideWeights(labels, settings.classWeight);
    alpha.forEach((a, row) => {
      const upper = C * (labels[row]! > 0 ? sides.positive : sides.negative);
      if (a > 0 && (settings.loss === 'squared-hinge' || a < upper * (1 - 1e-6))) {
        counts.set(row, (counts.get(row) ?? 0) + 1);
      }
    });
  }
  const ranked = [...counts].sort(([r, a], [s, b]) => b - a || r - s).slice(0, most);
  return ranked.map(([row]) => row).sort((a, b) => a - b);
};

/** Solves one class on some rows, with all others fixed; returns the change of y alpha. */
const solveRows = (
  w: Workspace,
  kernels: Kernels,
  state: State,
  rows: readonly number[],
  value: (at: number) => number,
  settings: FullSettings,
): Float32Array => {
  const labels = Int8Array.from(rows, (row) => state.labels[row]!);
  setLabels(w, labels);
  rows.forEach((row, i) => {
    w.alpha[i] = state.alpha[row]!;
    w.f[i] = value(i);
  });
  setCosts(w, state.C, settings, sideWeights(state.labels, settings.classWeight));
  state.bias = relaxFrom(w, kernels, state.bias, settings);
  state.updates += w.report[REPORT.updates]!;
  return Float32Array.from(rows, (row, i) => {
    const change = labels[i]! * (w.alpha[i]! - state.alpha[row]!);
    state.alpha[row] = w.alpha[i]!;
    return change;
  });
};

/**
 * A solving pass: every block with the companions, every unsolved class.
 *
 * @param reuse a Gram matrix of an earlier pass, whose memory is reused @returns the last block's Gram matrix
 */
export const improve = async (
  descriptors: Descriptors,
  states: readonly State[],
  companions: Block,
  settings: FullSettings,
  blockRows: number,
  threads: number,
  reuse?: Gram,
): Promise<Gram | undefined> => {
  let gram = reuse;
  const { columns } = descriptors;
  for await (const { start, block } of blocksOf(descriptors, blockRows)) {
    const { indices, matrix } = withCompanions(start, block, companions);
    gram = gramOf(matrix, { threads, reuse: gram });
    const { workspace, kernels } = workspaceOf({
      rows: matrix.rows,
      gram: gram.data,
      start: workspaceStart(matrix.rows, 0),
      ...(gram.memory && { memory: gram.memory }),
    });
    const values = timesTransposed(matrix, stack(states, columns), threads).data;
    const changes = new Float32Array(states.length * matrix.rows);
    states.forEach((state, c) => {
      const value = (at: number): number => values[at * states.length + c]!;
      changes.set(solveRows(workspace, kernels, state, indices, value, settings), c * matrix.rows);
    });
    const changed = { rows: states.length, columns: matrix.rows, data: changes };
    const steps = times(changed, matrix, threads).data;
    states.forEach(({ weights }, c) => {
      for (let k = 0; k < columns; k++) weights[k]! += steps[c * columns + k]!;
    });
  }
  return gram;
};

/** A measuring pass: the certificates of the current float32 weights. It also selects the companions. */
export const measure = async (
  descriptors: Descriptors,
  states: readonly State[],
  settings: FullSettings,
  blockRows: number,
  threads: number,
): Promise<Block> => {
  const squared = settings.loss === 'squared-hinge';
  const weights = stack(states, descriptors.columns);
  const losses = states.map(() => 0);
  const spread = states.map(() => ({ rows: descriptors.rows, sum: 0, squares: 0 }));
  const sides = states.map(({ labels }) => sideWeights(labels, settings.classWeight));
  const costOf = (c: number, y: number): number =>
    states[c]!.C * (y > 0 ? sides[c]!.positive : sides[c]!.negative);
  const { columns } = descriptors;
  const indices = companionRows(states, settings, blockRows);
  const data = new Float32Array(indices.length * columns);
  let picked = 0;
  for await (const { start, block } of blocksOf(descriptors, blockRows)) {
    for (; picked < indices.length && indices[picked]! < start + block.rows; picked++) {
      data.set(rowOf(block, indices[picked]! - start), picked * columns);
    }
    const values = timesTransposed(block, weights, threads).data;
    states.forEach(({ labels, bias }, c) => {
      for (let i = 0; i < block.rows; i++) {
        const value = values[i * states.length + c]!;
        spread[c]!.sum += value;
        spread[c]!.squares += value * value;
        const y = labels[start + i]!;
        if (y === 0) continue;
        const slack = Math.max(0, 1 - y * (value + bias));
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
    const gap = primal > 0 ? Math.max(0, primal - dual) / primal : 0;
    const converged = gap <= gapWanted(settings, primal, () => spread[c]!);
    state.certificate = { primal, dual, gap, converged, supportVectors, updates: state.updates };
  });
  return { indices, matrix: { rows: indices.length, columns, data } };
};

/** A pass that fetches some rows, ascending. */
export const fetchRows = async (
  descriptors: Descriptors,
  indices: readonly number[],
  blockRows: number,
): Promise<Block> => {
  const { columns } = descriptors;
  const data = new Float32Array(indices.length * columns);
  const fetched = { indices, matrix: { rows: indices.length, columns, data } };
  if (indices.length === 0) return fetched;
  let picked = 0;
  for await (const { start, block } of blocksOf(descriptors, blockRows)) {
    for (; picked < indices.length && indices[picked]! < start + block.rows; picked++) {
      data.set(rowOf(block, indices[picked]! - start), picked * columns);
    }
    if (picked === indices.length) break;
  }
  return fetched;
};

// L-BFGS: the direction in which to go next, from the last steps and how the gradient changed over them.

/** Steps that are remembered. */
const MEMORY = 10;

/** Σ aᵢ bᵢ. */
export const dot = (a: Float64Array, b: Float64Array): number => {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
};

/** Steps, newest last, with the changes of the gradient over them. */
export interface Memory {
  readonly steps: Float64Array[];
  readonly changes: Float64Array[];
}

/** Remembers a step and the change of the gradient, unless rounding has eaten its curvature. */
export const remember = ({ steps, changes }: Memory, step: Float64Array, change: Float64Array): void => {
  if (!(dot(step, change) > 1e-14 * Math.sqrt(dot(step, step) * dot(change, change)))) return;
  steps.push(step);
  changes.push(change);
  if (steps.length <= MEMORY) return;
  steps.shift();
  changes.shift();
};

/**
 * Minus the approximate inverse Hessian times the gradient (Nocedal and Wright, 2006, algorithm 7.4).
 *
 * @param diagonal a first guess of the inverse Hessian's diagonal
 */
export const directionOf = (
  { steps, changes }: Memory,
  gradient: Float64Array,
  diagonal: Float64Array,
): Float64Array => {
  const direction = gradient.map((g) => -g);
  const shares = new Float64Array(steps.length);
  const add = (factor: number, vector: Float64Array): void => {
    for (let i = 0; i < direction.length; i++) direction[i]! += factor * vector[i]!;
  };
  for (let at = steps.length - 1; at >= 0; at--) {
    shares[at] = dot(steps[at]!, direction) / dot(steps[at]!, changes[at]!);
    add(-shares[at]!, changes[at]!);
  }
  const [step, change] = [steps.at(-1), changes.at(-1)];
  const scale =
    step && change ? dot(step, change) / change.reduce((sum, y, i) => sum + y * y * diagonal[i]!, 0) : 1;
  for (let i = 0; i < direction.length; i++) direction[i]! *= scale * diagonal[i]!;
  for (let at = 0; at < steps.length; at++) {
    add(shares[at]! - dot(changes[at]!, direction) / dot(steps[at]!, changes[at]!), steps[at]!);
  }
  return direction;
};

/** A function along a line: its value, and its slope. */
type Line = (t: number) => { readonly value: number; readonly slope: number };

/** Share of the first slope that may be left (the strong Wolfe conditions), and of the decrease that it promises. */
const [FLAT, DECREASE] = [0.5, 1e-4];
const MOST_TRIALS = 30;

/** A step along a line of a convex function that fulfils the strong Wolfe conditions; 0 where rounding leaves none. */
export const lineSearch = (line: Line, start: { readonly value: number; readonly slope: number }): number => {
  let [low, lowSlope, high, highSlope] = [0, start.slope, Infinity, 0];
  let t = 1;
  for (let trial = 0; trial < MOST_TRIALS; trial++) {
    const { value, slope } = line(t);
    // Where the value is no more told from the first one, the slope decides.
    const enough = value <= start.value + DECREASE * t * start.slope + 1e-14 * Math.abs(start.value);
    if (enough && Math.abs(slope) <= FLAT * Math.abs(start.slope)) return t;
    if (slope < 0 && Number.isFinite(value)) [low, lowSlope] = [t, slope];
    else [high, highSlope] = [t, slope];
    if (high === Infinity) t *= 4;
    else {
      const share = Number.isFinite(highSlope) ? lowSlope / (lowSlope - highSlope) : 0.5;
      t = low + Math.min(0.9, Math.max(0.1, share)) * (high - low);
    }
  }
  return low;
};

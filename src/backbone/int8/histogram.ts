// Histograms of activations, and the range of the 8-bit code with the least error on them.

const BINS = 2048;

/**
 * Counts non-negative numbers in 2048 bins of equal width. The width doubles when a number exceeds the last
 * bin, so that one pass is enough. Zeros are not counted: an 8-bit code with zero point 0 keeps them exactly.
 */
export class Histogram {
  readonly #counts = new Float64Array(BINS);
  /** Upper end of the last bin. */
  #end = 0;

  add(values: Float32Array): void {
    let most = 0;
    for (const x of values) if (x > most) most = x;
    if (most === 0) return;
    if (this.#end === 0) this.#end = 2 ** Math.ceil(Math.log2(most));
    while (most > this.#end) this.#double();
    const perBin = BINS / this.#end;
    for (const x of values) {
      if (x > 0) this.#counts[Math.min(BINS - 1, Math.floor(x * perBin))]!++;
    }
  }

  #double(): void {
    for (let i = 0; i < BINS / 2; i++) this.#counts[i] = this.#counts[2 * i]! + this.#counts[2 * i + 1]!;
    this.#counts.fill(0, BINS / 2);
    this.#end *= 2;
  }

  /** The centre and the count of each bin. */
  get bins(): { readonly centres: Float64Array; readonly counts: Float64Array } {
    const width = this.#end / BINS;
    return {
      centres: Float64Array.from({ length: BINS }, (_, i) => (i + 0.5) * width),
      counts: this.#counts,
    };
  }

  /**
   * The range that contains the given share of the numbers: the usual choice, kept for comparison (it is
   * worse).
   */
  percentile(share: number): number {
    const { centres, counts } = this.bins;
    const total = counts.reduce((a, b) => a + b, 0);
    let sum = 0;
    for (let i = 0; i < BINS; i++) {
      sum += counts[i]!;
      if (sum >= share * total) return centres[i]!;
    }
    return this.#end;
  }

  /**
   * The range [0, r] whose code of 256 levels has the least squared error: larger numbers are clipped to r,
   * the others are rounded to a multiple of r / 255.
   *
   * @returns r; 1 where all numbers were 0
   */
  bestRange(): number {
    if (this.#end === 0) return 1;
    const { centres, counts } = this.bins;
    let best = { range: this.#end, error: Infinity };
    for (let step = 4; step <= 256; step++) {
      const range = (this.#end * step) / 256;
      const error = codeError(centres, counts, range);
      if (error < best.error) best = { range, error };
    }
    return best.range;
  }
}

/**
 * Squared error of the code: numbers below half a level become 0, those above the range become its end, the
 * others are rounded.
 */
const codeError = (centres: Float64Array, counts: Float64Array, range: number): number => {
  const level = range / 255;
  const rounding = (level * level) / 12;
  let error = 0;
  for (let i = 0; i < centres.length; i++) {
    const [x, count] = [centres[i]!, counts[i]!];
    if (count === 0) continue;
    error += count * (x < level / 2 ? x * x : x > range ? (x - range) ** 2 : rounding);
  }
  return error;
};

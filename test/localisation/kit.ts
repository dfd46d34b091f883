// The development kit's rule, written down a second time from its text: eval_localization_flat.m and compute_overlap.m.

/** compute_overlap.m: boxes as [xmin, ymin, xmax, ymax], the last pixels inside. */
export const kitOverlap = (bb: readonly number[], bbgt: readonly number[]): number => {
  const bi = [
    Math.max(bb[0]!, bbgt[0]!),
    Math.max(bb[1]!, bbgt[1]!),
    Math.min(bb[2]!, bbgt[2]!),
    Math.min(bb[3]!, bbgt[3]!),
  ] as const;
  const iw = bi[2] - bi[0] + 1;
  const ih = bi[3] - bi[1] + 1;
  if (!(iw > 0 && ih > 0)) return 0;
  const ua =
    (bb[2]! - bb[0]! + 1) * (bb[3]! - bb[1]! + 1) +
    (bbgt[2]! - bbgt[0]! + 1) * (bbgt[3]! - bbgt[1]! + 1) -
    iw * ih;
  return (iw * ih) / ua;
};

/** eval_localization_flat.m: the error over images of the least error of five guesses; an error is 1 unless class and box are right. */
export const kitError = (
  predictions: readonly (readonly (readonly [label: string, ...box: number[]])[])[],
  truths: readonly { readonly label: string; readonly boxes: readonly (readonly number[])[] }[],
): number => {
  let sum = 0;
  for (let i = 0; i < truths.length; i++) {
    const { label, boxes } = truths[i]!;
    const eC = [];
    for (const [guess, ...box] of predictions[i]!.slice(0, 5)) {
      const c = guess === label ? 0 : 1;
      let overlap = 0;
      for (const each of boxes) overlap = Math.max(overlap, kitOverlap(box, each));
      const b = overlap < 0.5 ? 1 : 0;
      eC.push(Math.max(c, b));
    }
    sum += Math.min(1, ...eC);
  }
  return sum / truths.length;
};

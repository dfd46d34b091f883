// The greedy merging of boxes of Sermanet et al. (OverFeat, 2014), which the paper's appendix A uses.
import type { Box } from '../../datasets/dataset.js';

/** A box that windows of the image agree on. */
export interface RatedBox {
  readonly box: Box;
  /** Sum of the class scores of the windows that it came from. */
  readonly score: number;
  /** Number of those windows. */
  readonly windows: number;
}

const centreOf = ({ x, y, width, height }: Box): readonly [number, number] => [x + width / 2, y + height / 2];

/**
 * How far two boxes are from being the same: the distance of their centres over the diagonal of the smallest box around both,
 * plus what their intersection lacks of their union. 0 for the same box, below 1 + 1; the unit of the boxes does not matter.
 */
export const matchScore = (a: Box, b: Box): number => {
  const [[ax, ay], [bx, by]] = [centreOf(a), centreOf(b)];
  const right = [a.x + a.width, b.x + b.width] as const;
  const bottom = [a.y + a.height, b.y + b.height] as const;
  const width = Math.max(...right) - Math.min(a.x, b.x);
  const height = Math.max(...bottom) - Math.min(a.y, b.y);
  const shared =
    Math.max(0, Math.min(...right) - Math.max(a.x, b.x)) *
    Math.max(0, Math.min(...bottom) - Math.max(a.y, b.y));
  // By the same differences as what is shared, so that the same box shares exactly all.
  const area = ({ x, y }: Box, i: 0 | 1): number => (right[i] - x) * (bottom[i] - y);
  const union = area(a, 0) + area(b, 1) - shared;
  const apart = Math.hypot(ax - bx, ay - by) / (Math.hypot(width, height) || 1);
  return apart + (union > 0 ? 1 - shared / union : 0);
};

/** The mean of two boxes by their windows; of two equal ones the same. */
const merged = (a: RatedBox, b: RatedBox): RatedBox => {
  const windows = a.windows + b.windows;
  const share = b.windows / windows;
  const between = (key: keyof Box): number => a.box[key] + (b.box[key] - a.box[key]) * share;
  return {
    box: { x: between('x'), y: between('y'), width: between('width'), height: between('height') },
    score: a.score + b.score,
    windows,
  };
};

const KEYS = ['x', 'y', 'width', 'height'] as const;

/** An order of boxes that depends on nothing else. */
const byValue = (a: RatedBox, b: RatedBox): number => {
  for (const key of KEYS) if (a.box[key] !== b.box[key]) return a.box[key] - b.box[key];
  return a.windows - b.windows || a.score - b.score;
};

/** A box with the nearest of those after it in order. */
interface Entry {
  readonly rated: RatedBox;
  partner: Entry | undefined;
  match: number;
}

const findPartner = (entry: Entry, others: readonly Entry[]): void => {
  entry.partner = undefined;
  entry.match = Infinity;
  for (const other of others) {
    if (other === entry || byValue(entry.rated, other.rated) > 0) continue;
    const match = matchScore(entry.rated.box, other.rated.box);
    const isNearer = match < entry.match;
    const isFirst = match === entry.match && entry.partner && byValue(other.rated, entry.partner.rated) < 0;
    if (isNearer || isFirst) [entry.partner, entry.match] = [other, match];
  }
};

/**
 * Merges boxes greedily: the pair of the least match score is replaced by its mean, as long as that score is not above
 * `threshold`. Of equal pairs the first in the order of coordinates is merged, so that the order of the input does not matter.
 *
 * @param threshold 0 merges equal boxes only, 2 merges all
 * @returns the boxes that are left, the highest score first
 */
export const mergeBoxes = (boxes: readonly RatedBox[], threshold: number): RatedBox[] => {
  let entries: Entry[] = boxes
    .toSorted(byValue)
    .map((rated) => ({ rated, partner: undefined, match: Infinity }));
  entries.forEach((entry, i) => findPartner(entry, entries.slice(i + 1)));
  for (;;) {
    let best: Entry | undefined;
    for (const entry of entries) {
      if (!entry.partner || (best && entry.match > best.match)) continue;
      if (!best || entry.match < best.match || byValue(entry.rated, best.rated) < 0) best = entry;
    }
    if (!best?.partner || !(best.match <= threshold)) break;
    const gone = [best, best.partner];
    const made: Entry = {
      rated: merged(best.rated, best.partner.rated),
      partner: undefined,
      match: Infinity,
    };
    entries = entries.filter((entry) => !gone.includes(entry));
    entries.push(made);
    findPartner(made, entries);
    for (const entry of entries) {
      if (entry.partner && gone.includes(entry.partner)) findPartner(entry, entries);
      else if (entry !== made && byValue(entry.rated, made.rated) <= 0) {
        const match = matchScore(entry.rated.box, made.rated.box);
        const isFirst =
          match === entry.match &&
          entry.partner !== undefined &&
          byValue(made.rated, entry.partner.rated) < 0;
        if (match < entry.match || isFirst) [entry.partner, entry.match] = [made, match];
      }
    }
  }
  return entries.map(({ rated }) => rated).sort((a, b) => b.score - a.score || byValue(a, b));
};

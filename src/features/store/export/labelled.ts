// Whether a store has labels: exports of one that has none leave their column out.
import type { Features } from '../features.js';

/** Whether an image of the store has a label. */
export const isLabelled = ({ labels }: Pick<Features, 'labels'>): boolean =>
  labels.some((own) => own.length > 0);

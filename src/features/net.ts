// Nets that are ready to describe images: the files of one backbone or of several, and what computes.
import { type Backbone, openBackbone } from '../backbone/nets/backbone.js';
import { expected } from '../errors.js';
import type { Machinery } from './pipeline/plan.js';

/** One VGG net, or several whose descriptors are stacked (late fusion, appendix B). Holds no file and no thread open. */
export interface Net {
  /** The backbone files, checked; weights are read when they are needed. */
  readonly backbones: readonly Backbone[];
  /** What computes: threads, engine, provider. */
  readonly machinery: Machinery;
}

/**
 * Opens one backbone file, or several to stack.
 *
 * @param files paths of `.safetensors` files that `verydeep train` or `importWeights` wrote
 * @param machinery what computes; by default all cores, and a GPU where the engine TensorFlow sees one
 * @returns a net for `describe` and `LinearSvm.predict`
 * @throws UsageError naming the file that is missing, no backbone, or damaged
 */
export const openNet = async (files: string | readonly string[], machinery: Machinery = {}): Promise<Net> => {
  const paths = typeof files === 'string' ? [files] : files;
  if (paths.length === 0) throw expected('at least one backbone file', 'openNet', 'none');
  const backbones: Backbone[] = [];
  for (const path of paths) backbones.push(await openBackbone(path));
  return { backbones, machinery };
};

// Opens one or several backbone files as a net that describes images.
import { BACKBONE_ADVICE, type Backbone, openBackbone } from '../backbone/nets/backbone.js';
import { BUILTIN, backboneFile } from '../backbone/nets/builtin.js';
import { expected } from '../errors.js';
import type { Machinery } from './pipeline/plan.js';

/**
 * One VGG net, or several whose descriptors are stacked (late fusion, appendix B). Keeps no file or thread
 * open.
 */
export interface Net {
  /** The checked backbone files; weights are read when needed. */
  readonly backbones: readonly Backbone[];
  /** Engine, provider and number of threads. */
  readonly machinery: Machinery;
}

/**
 * Opens one backbone file, or several whose descriptors are stacked.
 *
 * @param files paths of `.safetensors` files that `verydeep train` or `importWeights` wrote; "builtin", the default, is the
 * small net that comes with verydeep (weights/README.md)
 * @param machinery engine, provider and threads; by default all cores, and a GPU if TensorFlow finds one
 * @returns a net for `describe` and `LinearSvm.predict`
 * @throws UsageError naming the file that is missing, damaged, or not a backbone
 */
export const openNet = async (
  files: string | readonly string[] = BUILTIN,
  machinery: Machinery = {},
): Promise<Net> => {
  const paths = typeof files === 'string' ? [files] : files;
  if (paths.length === 0) throw expected('at least one backbone file', 'openNet', 'none', BACKBONE_ADVICE);
  const backbones: Backbone[] = [];
  for (const path of paths) backbones.push(await openBackbone(await backboneFile(path)));
  return { backbones, machinery };
};

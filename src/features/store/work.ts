// The options that made descriptors, from what their store says: recipe, nets, engine.
import type { Work } from '../../io/work.js';
import type { PartMetadata } from './store.js';

/** The work that made a part, or a plan would make. */
export const workOfStore = ({
  recipe,
  nets,
  engine,
}: Pick<PartMetadata, 'recipe' | 'nets' | 'engine'>): Work => {
  const { layers, ...others } = recipe;
  const [name, provider] = engine.split(' ');
  const quantised = nets.flatMap((net) => net.quantised ?? []);
  return {
    layer: layers,
    ...others,
    backbone: nets.map(({ config, sha256 }) => `${config} (SHA-256 ${sha256.slice(0, 12)})`),
    ...(quantised.length > 0 && { calibration: quantised.map((hash) => hash.slice(0, 12)) }),
    engine: name,
    ...(provider !== undefined && { provider }),
  };
};

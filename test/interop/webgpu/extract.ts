// The same extraction on the processor and on WebGPU, in a process of its own whose Vulkan driver was chosen: prints JSON.
import { join } from 'node:path';
import { extractFeatures } from '../../../src/features/extract.js';
import { withFolder } from '../../support.js';
import { pictures, randomBackbone, small } from '../../features/nets.js';

/** What the run prints, by provider. */
export type WebgpuReport = Readonly<
  Record<
    'cpu' | 'webgpu',
    { engine: string; hash: string; layers: Readonly<Record<string, readonly number[]>> }
  >
>;

const layers = ['conv4', 'fc7:linear', 'fc7'];

await withFolder(async (folder) => {
  const items = await pictures(join(folder, 'images'), 5);
  const net = join(folder, 'net.safetensors');
  await randomBackbone(net, small({ width: 1 / 8 }));
  const extract = async (provider: 'cpu' | 'webgpu') => {
    const { store, run } = await extractFeatures(
      items,
      [net],
      { scales: [32, 45], aggregate: 'stack', layers },
      { out: join(folder, provider), threads: 1, provider },
    );
    const read = async (layer: string) => [layer, [...(await store.read(layer)).data]] as const;
    return {
      engine: run.engine,
      hash: store.hash,
      layers: Object.fromEntries(await Promise.all(layers.map(read))),
    };
  };
  const report: WebgpuReport = { cpu: await extract('cpu'), webgpu: await extract('webgpu') };
  process.stdout.write(JSON.stringify(report));
});

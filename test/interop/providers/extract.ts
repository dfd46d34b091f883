// The same extraction on the processor and by the provider named, in a process of its own whose libraries were chosen: prints JSON.
import { join } from 'node:path';
import type { Provider } from '../../../src/engine/session.js';
import { extractFeatures } from '../../../src/features/pipeline/extract.js';
import { withFolder } from '../../support.js';
import { pictures, randomBackbone, small } from '../../features/nets.js';

interface Outcome {
  readonly engine: string;
  readonly hash: string;
  readonly layers: Readonly<Record<string, readonly number[]>>;
}

/** What the run prints: the processor's outcome, and the other's. */
export type ProvidersReport = Readonly<Record<'cpu' | 'other', Outcome>>;

const layers = ['conv4', 'fc7:linear', 'fc7'];

await withFolder(async (folder) => {
  const items = await pictures(join(folder, 'images'), 5);
  const net = join(folder, 'net.safetensors');
  await randomBackbone(net, small({ width: 1 / 8 }));
  const extract = async (provider: Provider): Promise<Outcome> => {
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
  const other = process.argv[2] as Provider;
  const report: ProvidersReport = { cpu: await extract('cpu'), other: await extract(other) };
  process.stdout.write(JSON.stringify(report));
});

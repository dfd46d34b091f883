// An int8 extraction in a process of its own, so that it can be run on an emulated processor: prints JSON.
import { join } from 'node:path';
import { int8Support } from '../../../src/backbone/int8/vnni.js';
import { extractFeatures } from '../../../src/features/pipeline/extract.js';
import type { RecipeChoice } from '../../../src/features/recipe/recipe.js';
import { withFolder } from '../../support.js';
import { pictures, randomBackbone, small } from '../../features/nets.js';
import { type Message, render } from '../../../src/errors.js';

/** What the run prints. */
export interface Int8Report {
  readonly support: ReturnType<typeof int8Support>;
  /** What the extraction says of its precision. */
  readonly notices: readonly string[];
  readonly precision: string;
  /** Descriptors by weight bits ("7", "8") and in float32. */
  readonly descriptors: Readonly<Record<string, readonly number[]>>;
}

await withFolder(async (folder) => {
  const items = await pictures(join(folder, 'images'), 4);
  const net = join(folder, 'net.safetensors');
  await randomBackbone(net, small({ width: 1 / 8 }));
  const descriptors: Record<string, number[]> = {};
  const notices: string[] = [];
  let precision = '';
  const extract = async (name: string, choice: RecipeChoice, bits?: 7 | 8): Promise<void> => {
    const { store } = await extractFeatures(
      items,
      [net],
      { ...choice, scales: [48] },
      {
        out: join(folder, name),
        threads: 1,
        ...(bits === undefined
          ? { int8: {}, onNotice: (notice: Message) => notices.push(render(notice)) }
          : { int8: { bits, allowLowFidelity: true } }),
      },
    );
    if (choice.precision === 'int8' && bits === undefined) ({ precision } = store.recipe);
    descriptors[name] = [...(await store.read('fc7')).data];
  };
  await extract('fp32', { precision: 'fp32' });
  await extract('default', { precision: 'int8' });
  await extract('7', { precision: 'int8' }, 7);
  await extract('8', { precision: 'int8' }, 8);
  process.stdout.write(
    JSON.stringify({ support: int8Support(), notices, precision, descriptors } satisfies Int8Report),
  );
});

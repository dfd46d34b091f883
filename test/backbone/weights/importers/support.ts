// What the tests of importers share: the fixtures, and the real pipeline run on their images.
import { readFileSync, readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Backbone } from '../../../../src/backbone/nets/backbone.js';
import { compileGraph } from '../../../../src/backbone/nets/graph.js';
import type { Config } from '../../../../src/backbone/nets/architecture.js';
import { Session } from '../../../../src/engine/session.js';
import { decode } from '../../../../src/images/decode.js';
import { fixture } from '../../../support.js';

/** What the original library computed for a fixture. */
export interface Expected {
  readonly file: string;
  readonly config: Config;
  readonly library: string;
  readonly output?: 'pool5';
  /** Which of several nets. */
  readonly key?: string;
  /** What is left out of the file, where something is; the net then has no scores. */
  readonly left?: readonly string[];
  readonly fc7: readonly (readonly number[])[] | null;
  readonly scores: readonly (readonly number[])[];
}

export const weightFile = (name: string): string => fixture('weights', name);

/** Every fixture with what is expected of it. */
export const fixtures: readonly Expected[] = readdirSync(weightFile('expected'))
  .sort()
  .map((name) => JSON.parse(readFileSync(weightFile(`expected/${name}`), 'utf8')) as Expected);

/** The dense net of a backbone on the fixtures' three images: a list of vectors for each layer. */
export const describeImages = async (
  backbone: Backbone,
  layers: readonly string[],
): Promise<Record<string, number[][]>> => {
  const { model, externalDataFolder, outputs } = compileGraph(backbone, { layers, flip: false });
  const session = Session.create(model, { threads: 1, externalDataFolder });
  try {
    const result: Record<string, number[][]> = Object.fromEntries(layers.map((layer) => [layer, []]));
    for (const n of [1, 2, 3]) {
      const path = weightFile(`images/${n}.png`);
      const { width, height, data } = await decode(await readFile(path), path);
      const values = session.run({
        pixels: { type: 'uint8', dims: [1, height, width, 3], data: new Uint8Array(data) },
      });
      layers.forEach((layer, i) => result[layer]!.push(Array.from(values[outputs[i]!]!.data, Number)));
    }
    return result;
  } finally {
    session.close();
  }
};

/** The largest difference, relative to the largest expected number. */
export const relativeError = (
  received: readonly (readonly number[])[],
  wanted: readonly (readonly number[])[],
): number => {
  const [a, b] = [received.flat(), wanted.flat()];
  if (a.length !== b.length) return Infinity;
  const scale = Math.max(...b.map(Math.abs));
  return Math.max(...a.map((value, i) => Math.abs(value - b[i]!))) / scale;
};

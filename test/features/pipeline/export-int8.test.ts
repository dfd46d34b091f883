// The export in 8 bits: what extraction in int8 computes, close to fp32, gated, and not to be imported again.
import { deepEqual, equal, ok, rejects } from 'node:assert/strict';
import { mkdir, readFile, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Architecture } from '../../../src/backbone/nets/architecture.js';
import type { Backbone } from '../../../src/backbone/nets/backbone.js';
import { int8Outputs } from '../../../src/backbone/int8/export.js';
import { type CompiledGraph, compileGraph } from '../../../src/backbone/nets/graph.js';
import { importWeights } from '../../../src/backbone/weights/importers/import.js';
import { compileInt8Graph } from '../../../src/backbone/int8/graph.js';
import type { Item } from '../../../src/datasets/dataset.js';
import { Session } from '../../../src/engine/session.js';
import { UsageError, VerydeepError } from '../../../src/errors.js';
import { exportInt8 } from '../../../src/features/pipeline/export-int8.js';
import { decode } from '../../../src/images/decode.js';
import { withFolder } from '../../support.js';
import { picture, pictures, randomBackbone, small } from '../nets.js';

/** Vectors of the outputs for a picture that did not calibrate. */
const run = async (
  { model, externalDataFolder, outputs }: Pick<CompiledGraph, 'model' | 'outputs' | 'externalDataFolder'>,
  seed = 99,
): Promise<number[][]> => {
  const { width, height, data } = await decode(await picture(45, 52, seed), 'picture');
  const session = Session.create(model, { threads: 1, externalDataFolder });
  try {
    const values = session.run({ pixels: { type: 'uint8', dims: [1, height, width, 3], data } });
    return outputs.map((name) => Array.from(values[name]!.data as Float32Array));
  } finally {
    session.close();
  }
};

const cosine = (a: readonly number[], b: readonly number[]): number => {
  const dot = (x: readonly number[], y: readonly number[]) => x.reduce((sum, v, i) => sum + v * y[i]!, 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
};

/** A net of this folder and images to calibrate on. */
const withNet = (
  net: Partial<Architecture>,
  use: (folder: string, backbone: Backbone, calibration: Item[]) => Promise<void>,
): Promise<void> =>
  withFolder(async (folder) => {
    const backbone = await randomBackbone(
      join(folder, 'net.safetensors'),
      small({ width: 1 / 8, ...net }),
      5,
    );
    await use(folder, backbone, await pictures(join(folder, 'images'), 12));
  });

const quantisedFile = async (folder: string): Promise<string> => {
  const name = (await readdir(join(folder, '.int8'))).find((each) => each.endsWith('.safetensors'));
  return join(folder, '.int8', name!);
};

describe('features/export-int8', () => {
  for (const [title, net] of [
    ['A', {}],
    ['A-LRN', { config: 'A-LRN' }],
    ['D without fully-connected layers', { config: 'D', fullyConnected: 0, outputs: 0 }],
  ] as const) {
    it(`gives what extraction in int8 computes, close to fp32: ${title}`, () =>
      withNet(net, async (folder, backbone, calibration) => {
        const whole = join(folder, 'x.onnx');
        const apart = join(folder, 'y.onnx');
        const made = await exportInt8(backbone.path, whole, { calibration, threads: 1 });
        ok(made.accepted && made.fidelity.images === 4, JSON.stringify(made));
        deepEqual(made.written, [whole]);
        const external = await exportInt8(backbone.path, apart, { calibration, threads: 1, external: true });
        deepEqual(external.written, [apart, `${apart}.data`]);
        deepEqual(external.fidelity, made.fidelity);

        const named = int8Outputs(backbone);
        const options = { layers: [...named.values()], flip: false };
        const wanted = await run(await compileInt8Graph(await quantisedFile(folder), backbone, options));
        const floats = await run(compileGraph(backbone, options));
        const outputs = [...named.keys()];
        const [inside, beside] = [
          await run({ model: await readFile(whole), outputs, externalDataFolder: '/nowhere' }),
          await run({ model: await readFile(apart), outputs, externalDataFolder: folder }),
        ];
        deepEqual(beside, inside);
        for (const [i, vector] of wanted.entries()) {
          const most = Math.max(...vector.map(Math.abs));
          ok(most > 0 && inside[i]!.length === vector.length);
          for (const [k, value] of vector.entries())
            ok(Math.abs(inside[i]![k]! - value) <= 1e-5 * most, `${outputs[i]} ${k}`);
          ok(cosine(inside[i]!, floats[i]!) > 0.999, `${outputs[i]} ${cosine(inside[i]!, floats[i]!)}`);
        }
      }));
  }

  it('exports 7-bit weights where they are asked for', () =>
    withNet({}, async (folder, backbone, calibration) => {
      const at = { calibration, threads: 1, bits: 7 } as const;
      const { bits } = await exportInt8(backbone.path, join(folder, 'x.onnx'), at);
      equal(bits, 7);
      const integers = await readFile(await quantisedFile(folder), 'latin1');
      ok(integers.includes('\\"bits\\":7'));
    }));

  it('refuses a net that fails the fidelity check, unless forced', () =>
    withNet({}, async (folder, backbone, calibration) => {
      const out = join(folder, 'x.onnx');
      await exportInt8(backbone.path, join(folder, 'first.onnx'), { calibration, threads: 1 });
      // The fidelity of a net that does not pass, as the cache keeps it.
      const note = (await readdir(join(folder, '.int8'))).find((name) => name.endsWith('.json'))!;
      const poor = { images: 4, meanCosine: 0.9992, leastCosine: 0.98 };
      await writeFile(join(folder, '.int8', note), JSON.stringify({ fidelity: poor, sample: '' }));
      await rejects(exportInt8(backbone.path, out, { calibration, threads: 1 }), (error) => {
        ok(error instanceof VerydeepError);
        ok(
          /does not pass the fidelity check .*smallest 0\.98000.*calibration.*allowLowFidelity/.test(
            error.message,
          ),
          error.message,
        );
        return true;
      });
      ok(!(await readdir(folder)).includes('x.onnx'));
      const forced = await exportInt8(backbone.path, out, {
        calibration,
        threads: 1,
        allowLowFidelity: true,
      });
      deepEqual([forced.accepted, forced.fidelity], [false, poor]);
      ok((await readdir(folder)).includes('x.onnx'));
    }));

  it('is refused by the importer, by name and with advice', () =>
    withNet({}, async (folder, backbone, calibration) => {
      const out = join(folder, 'quantised.onnx');
      await exportInt8(backbone.path, out, { calibration, threads: 1 });
      await rejects(importWeights(out, join(folder, 'again.safetensors')), (error) => {
        ok(error instanceof UsageError);
        ok(/quantised\.onnx.*QLinearConv.*float32 file/.test(error.message), error.message);
        return true;
      });
    }));

  it('follows links: to the backbone, and to its folder', () =>
    withNet({}, async (folder, backbone, calibration) => {
      const [links, linked] = [join(folder, 'links'), join(folder, 'folder')];
      await mkdir(links);
      await symlink(backbone.path, join(links, 'net.safetensors'));
      await symlink(folder, linked);
      const made: Buffer[] = [];
      for (const path of [backbone.path, join(links, 'net.safetensors'), join(linked, 'net.safetensors')]) {
        await exportInt8(path, join(folder, 'x.onnx'), { calibration, threads: 1 });
        made.push(await readFile(join(folder, 'x.onnx')));
      }
      deepEqual(made[1], made[0]);
      deepEqual(made[2], made[0]);
    }));

  it('needs images that can be read', () =>
    withNet({}, async (folder, backbone) => {
      await rejects(
        exportInt8(backbone.path, join(folder, 'x.onnx'), { calibration: [], threads: 1 }),
        /at least 2 calibration images/,
      );
    }));
});

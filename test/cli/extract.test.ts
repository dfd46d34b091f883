// `verydeep extract` with calibration images of its own.
import { equal, match } from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { picture, pictures, randomBackbone, small } from '../features/nets.js';
import { verydeep, withFolder } from '../support.js';

describe('verydeep extract', () => {
  it('calibrates on a flat folder of images', () =>
    withFolder(async (folder) => {
      const [data, net, flat] = ['data', 'net.safetensors', 'flat'].map((name) => join(folder, name));
      await pictures(data!, 4);
      await randomBackbone(net!, small({ width: 1 / 8 }), 5);
      await mkdir(flat!);
      for (let i = 0; i < 6; i++) await writeFile(join(flat!, `${i}.png`), await picture(50, 40 + i, i));
      const { code, stdout, stderr } = await verydeep([
        ...['extract', 'folder', '--data', data!, '--backbone', net!, '--out', join(folder, 'out')],
        ...['--precision', 'int8', '--calibration', flat!, '--scales', '32', '--workers', '1', '--json'],
      ]);
      equal(code, 0, stderr);
      // A third of the six images is held out, none of the four that are described.
      match(stderr, /int8: \d-bit weights, cosine to fp32: .* over 2 images/);
      const document = JSON.parse(stdout) as { rows: number; recipe: { precision: string } };
      equal(document.rows, 4);
      equal(document.recipe.precision, 'int8');
    })).timeout(60_000);
});

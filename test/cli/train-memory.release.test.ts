// The net of the paper at 224 pixels within little memory: minutes on two cores, so in `npm run test:release`.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { verydeep, withFolder } from '../support.js';
import { colourImages } from '../backbone/tf.js';

const colours = { blue: [30, 60, 220], green: [40, 200, 50], red: [220, 40, 30] } as const;
describe('verydeep train on little memory, the net of the paper', () => {
  it('trains the plain net at 224 pixels on a few photographs within the memory that it may use', () =>
    withFolder(async (root) => {
      await colourImages(join(root, 'data'), 1, colours);
      const peak =
        'process.on("exit", () => process.stderr.write(`peak ${process.resourceUsage().maxRSS}\\n`))';
      const { code, stderr } = await verydeep(
        [
          ...['train', 'folder', '--data', join(root, 'data'), '--out', join(root, 'net')],
          ...['--epochs', '1', '--workers', '1', '--validation', '0'],
        ],
        {
          env: {
            VERYDEEP_MEMORY: '4',
            NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(peak)}`,
          },
        },
      );
      assert.equal(code, 0, stderr);
      assert.match(stderr, /^micro-batch 256: 3\.\d of 4\.0 GB$/m);
      const kilobytes = [...stderr.matchAll(/^peak (\d+)$/gm)].map(([, number]) => Number(number));
      assert.ok(kilobytes.length > 0 && Math.max(...kilobytes) * 1024 < 4e9, kilobytes.join(' '));
    })).timeout(600_000);
});

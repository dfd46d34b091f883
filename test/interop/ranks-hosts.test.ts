// Training across hosts, which are network namespaces: the same bytes as alone, what goes over the wire, and a link that is cut.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parameterCount } from '../../src/backbone/nets/architecture.js';
import { openBackbone } from '../../src/backbone/nets/backbone.js';
import { sha256OfFile } from '../../src/io/files.js';
import { colourImages } from '../backbone/tf.js';
import { withFolder } from '../support.js';
import {
  bytesOn,
  endHosts,
  launch,
  mpis,
  needs,
  onHosts,
  program,
  ranksOn,
  sharedFiles,
} from './ranks/launch.js';

const training = program('train-rank');
/** Launchers pass arguments through shells of other hosts. */
const encoded = (options: object): string => encodeURIComponent(JSON.stringify(options));
const COLOURS = { red: [220, 30, 30], green: [30, 200, 60], blue: [20, 40, 230] } as const;
/** Of 30 images one in five validates; 24 in batches of 8. */
const [EPOCHS, STEPS] = [10, 3];
/** Seconds without a sign of life, and milliseconds in which all have to end. */
const [TIMEOUT, LIMIT] = [3, 20_000];

describe('ranks on two hosts', function () {
  this.timeout(300_000);
  let files: string[];
  before(() => (files = sharedFiles()));
  after(() => assert.deepEqual(sharedFiles(), files, 'nothing is left in /dev/shm'));

  for (const mpi of mpis) {
    it(`under ${mpi} give the bytes of one process, for the gradients' bytes there and back`, function () {
      needs(this, mpi);
      return withFolder((folder) =>
        onHosts(this, folder, async (hosts) => {
          const data = join(folder, 'data');
          await colourImages(data, 10, COLOURS);
          const options = encoded({ epochs: EPOCHS });
          const alone = spawnSync(process.execPath, [training, data, join(folder, 'one'), options], {
            encoding: 'utf8',
          });
          assert.equal(alone.status, 0, alone.stderr);
          const before = bytesOn(2);
          const out = join(folder, 'two');
          const { code, lines } = await launch(mpi, 2, [training, data, out, options], { hosts });
          const sent = bytesOn(2) - before;
          assert.equal(code, 0, lines.join('\n'));
          for (const name of ['backbone.safetensors', 'checkpoint.safetensors', 'log.jsonl'])
            assert.equal(await sha256OfFile(join(out, name)), await sha256OfFile(join(folder, 'one', name)));
          const net = await openBackbone(join(out, 'backbone.safetensors'));
          const least = 2 * 4 * parameterCount(net.metadata.architecture) * EPOCHS * STEPS;
          // Beside them go the launcher's words, the start, statistics of batches, and signs of life.
          assert.ok(sent > least && sent < 1.5 * least + 2e6, `${sent} bytes where gradients are ${least}`);
        }),
      );
    });

    it(`under ${mpi} end where the link is cut, and name the rank and its host`, function () {
      needs(this, mpi);
      return withFolder((folder) =>
        onHosts(this, folder, async (hosts, setLink) => {
          const data = join(folder, 'data');
          await colourImages(data, 10, COLOURS);
          const options = encoded({ epochs: 5000, timeout: TIMEOUT });
          let isCut = false;
          const running = launch(mpi, 2, [training, data, join(folder, 'out'), options], {
            hosts,
            onText: (text) => {
              if (!isCut && text.includes('ready')) setLink(2, 'down');
              isCut ||= text.includes('ready');
            },
          });
          while (!isCut) await pause(50);
          const start = performance.now();
          while (ranksOn(1) + ranksOn(2) > 0) {
            assert.ok(performance.now() - start < LIMIT, 'ranks run on after the link was cut');
            await pause(100);
          }
          endHosts();
          const { lines } = await running;
          // What the other host says does not reach the launcher.
          assert.deepEqual(lines, [
            `verydeep: rank 1 on ${hosts.names[1]} has given no sign of life for ${TIMEOUT} s.`,
          ]);
        }),
      );
    });
  }
});

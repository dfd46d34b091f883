import assert from 'node:assert/strict';
import { EventFile } from '../../../src/backbone/training/tensorboard.js';
import { python } from '../python.js';
import { withFolder } from '../../support.js';

const program = `
import json, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
events = EventAccumulator(sys.argv[1]); events.Reload()
print(json.dumps({tag: [[s.step, s.value] for s in events.Scalars(tag)] for tag in events.Tags()["scalars"]}))
`;

describe('event files in the real TensorBoard', () => {
  it('gives back scalars, and hides what an interrupted run did after its checkpoint', () =>
    withFolder(async (folder) => {
      const first = await EventFile.create(folder, 0);
      for (const step of [1, 2, 3])
        await first.scalars(step, { 'train/loss': 4 / step, 'validation/top-1 error': 0 });
      await first.close();
      await new Promise((resolve) => setTimeout(resolve, 1100)); // Files are read in the order of their seconds.
      const second = await EventFile.create(folder, 2);
      await second.scalars(3, { 'train/loss': 9, 'learning rate': 2 ** -7 });
      await second.close();
      assert.deepEqual(JSON.parse(await python(program, [folder])), {
        'train/loss': [
          [1, 4],
          [2, 2],
          [3, 9],
        ],
        'validation/top-1 error': [
          [1, 0],
          [2, 0],
        ],
        'learning rate': [[3, 2 ** -7]],
      });
    }));
});

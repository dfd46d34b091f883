// The table of predictions: a row a test image, the class of the highest score, nothing where an image could not be read.
import assert from 'node:assert/strict';
import { predictionsCsv } from '../../../benchmarks/protocol/predictions.js';
import type { SplitOutcome } from '../../../benchmarks/protocol/outcome.js';

describe('table of predictions', () => {
  it('names the class of the highest score, quotes names with commas, leaves unread images empty', () => {
    const item = (id: string, label: string) => ({
      id,
      path: `photos/${id}`,
      source: { file: id },
      labels: [label],
    });
    const outcome = {
      name: 'split 2',
      classes: ['cat', 'goldfish, Carassius auratus'],
      test: [item('a.jpg', 'cat'), item('b.jpg', 'cat'), item('c.jpg', 'goldfish, Carassius auratus')],
      scores: {
        rows: 3,
        columns: 2,
        data: Float32Array.of(0.5, -0.25, -1.5, -1.25, -Infinity, -Infinity),
      },
    } as unknown as SplitOutcome;
    assert.equal(
      predictionsCsv([outcome]),
      [
        'split,id,path,class,predicted,score',
        'split 2,a.jpg,photos/a.jpg,cat,cat,0.5',
        'split 2,b.jpg,photos/b.jpg,cat,"goldfish, Carassius auratus",-1.25',
        'split 2,c.jpg,photos/c.jpg,"goldfish, Carassius auratus",,',
        '',
      ].join('\n'),
    );
  });
});

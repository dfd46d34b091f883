// The demo's table of results as text.
import assert from 'node:assert/strict';
import { type ResultRow, chanceRow, textTable } from '../../../benchmarks/demo/results.js';

const row = (name: string, title: string, meanClassRecall: number, std: number): ResultRow => ({
  name,
  title,
  meanClassRecall,
  std,
});

describe('benchmarks/demo results', () => {
  it('takes chance from the number of classes', () => {
    assert.equal(chanceRow(100).meanClassRecall, 1);
    assert.equal(chanceRow(16).meanClassRecall, 6.25);
  });

  it('prints both tables side by side', () => {
    assert.deepEqual(
      textTable({
        rows: [
          chanceRow(100),
          row('trained', 'trained net', 31.26, 1.04),
          row('fine-tuned', 'fine-tuned', 20, 1),
        ],
        subgroups: { rows: [chanceRow(16), row('trained', 'trained net', 24, 0)] },
      }).split('\n'),
      [
        'Mean class recall, %   100 unseen concepts   16 unseen subgroups',
        '----------------------------------------------------------------',
        'chance                                 1.0                   6.3',
        'trained net                     31.3 ± 1.0            24.0 ± 0.0',
        'fine-tuned                      20.0 ± 1.0                     –',
      ],
    );
  });
});

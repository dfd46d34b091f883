import assert from 'node:assert/strict';
import { type SpeedReport, row } from '../../../benchmarks/speed/row.js';
import { base, growthPoints, growthRow } from '../../../benchmarks/speed/svm/growth.js';
import { growthPlot } from '../../../benchmarks/speed/svm/plot.js';

const reportOf = (rows: SpeedReport['rows']): SpeedReport => ({
  machine: { processor: 'x', cores: 1, memoryGiB: 1, platform: 'x', node: 'x', load: 0 },
  rows,
});

describe('growth of the SVM benchmark', () => {
  it('is read back from the words of its rows, one line of the plot for each thing that grows', async () => {
    const other = row({ ...growthRow('rows', base, 1, 0.5), case: 'VOC07 size: grid of 8 C' });
    const rows = [
      other,
      growthRow('rows', { ...base, rows: 1000 }, 0.25, 0.125),
      growthRow('rows', base, 2, 1),
      growthRow('grid', { ...base, grid: 2 }, 1.5, 1),
      growthRow('grid', base, 2, 1),
    ];
    assert.deepEqual(growthPoints(rows), [
      { what: 'rows', value: 1000, seconds: 0.25, gramSeconds: 0.13 },
      { what: 'rows', value: 4000, seconds: 2, gramSeconds: 1 },
      { what: 'grid', value: 2, seconds: 1.5, gramSeconds: 1 },
      { what: 'grid', value: 8, seconds: 2, gramSeconds: 1 },
    ]);
    const svg = await growthPlot(reportOf(rows));
    assert.ok(svg.includes('>rows (1 = 4000)<') && svg.includes('>grid (1 = 8)<'), svg);
    assert.ok(!svg.includes('>classes (1 = 20)<'), 'nothing that was not measured');
    assert.equal(svg.match(/aria-roledescription="line mark"/g)?.length, 2);
  });

  it('has no plot where it was not measured', async () => {
    await assert.rejects(async () => growthPlot(reportOf([])), RangeError);
  });
});

import assert from 'node:assert/strict';
import { scalePlot } from '../../../benchmarks/speed/extraction/plot.js';
import { type ScalePoint, first, scalePoints, scaleRow } from '../../../benchmarks/speed/extraction/scale.js';
import type { SpeedReport } from '../../../benchmarks/speed/row.js';

const reportOf = (rows: SpeedReport['rows']): SpeedReport => ({
  machine: { processor: 'x', cores: 1, memoryGiB: 1, platform: 'x', node: 'x', load: 0 },
  rows,
});

const points: readonly ScalePoint[] = [
  { what: 'images', images: 32, scales: [256], shards: 1, seconds: 7 },
  { what: 'images', images: 64, scales: [256], shards: 1, seconds: 9 },
  { what: 'scales', images: 16, scales: [256, 384], shards: 1, seconds: 11 },
  { what: 'shards', images: 256, scales: [256], shards: 4, seconds: 13 },
];

describe('growth of the extraction benchmark', () => {
  it('is read back from the words of its rows, one panel for each thing that grows', async () => {
    const rows = points.map((point) => scaleRow(point, first));
    assert.deepEqual(scalePoints([{ ...rows[0]!, case: 'another' }, ...rows]), points);
    const svg = await scalePlot(reportOf(rows));
    for (const title of ['images, one scale', 'scales, 16 images', 'shards, the longest'])
      assert.ok(svg.includes(`>${title}<`), title);
    assert.equal(svg.match(/aria-roledescription="line mark"/g)?.length, 3);
  });

  it('has no plot where it was not measured', async () => {
    await assert.rejects(async () => scalePlot(reportOf([])), RangeError);
  });
});

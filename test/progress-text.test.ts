import assert from 'node:assert/strict';
import type { ProgressEvent } from '../src/progress.js';
import { duration, progressText } from '../src/progress-text.js';

const training: ProgressEvent = {
  task: 'train',
  done: 333_000,
  total: 370_050,
  unit: 'steps',
  figures: { epoch: '67/74', loss: 1.23456, rate: 0.001, 'images/s': 310.24, waiting: '3%' },
};
const download: ProgressEvent = {
  task: 'download ILSVRC2012_img_train.tar',
  done: 1.5e9,
  total: 147_897_477_120,
  unit: 'bytes',
  figures: { 'MB/s': 12.34567 },
};
const unpack: ProgressEvent = { task: 'unpack 101_ObjectCategories.tar.gz', done: 131.7e6, unit: 'bytes' };

describe('progressText', () => {
  it('writes the time left first, then what there is room for', () => {
    const line = (event: ProgressEvent, width: number): string =>
      progressText({ event, seconds: 9000, ...(event.total && { secondsLeft: 1000 }) }, width);
    const wide =
      '16m40s left  train  ======================-- 89%  333000/370050 steps  epoch 67/74  loss 1.235  rate 0.001  images/s 310.2  waiting 3%';
    const lines: readonly (readonly [ProgressEvent, number, string])[] = [
      [training, Infinity, wide],
      [training, 79, '16m40s left  train  ========- 89%  333000/370050 steps  epoch 67/74  loss 1.235'],
      [training, 39, '16m40s left  train  ==- 89%  loss 1.235'],
      [training, 19, '16m40s left  89%'],
      [training, 6, '16m40s'],
      [download, 79, '16m40s left  download ILSVRC2012_img_train.tar  -------------- 1%  1.5/147.9 GB'],
      [download, 39, '16m40s left  download  ------------- 1%'],
      [download, 19, '16m40s left  --- 1%'],
      [unpack, 79, 'unpack 101_ObjectCategories.tar.gz  131.7 MB'],
      [unpack, 39, 'unpack 101_ObjectCategories.tar.gz'],
      [unpack, 19, 'unpack  131.7 MB'],
    ];
    for (const [event, width, text] of lines) assert.equal(line(event, width), text);
  });

  it('fits every width, and cuts no part', () => {
    const whole = (event: ProgressEvent): Set<string> =>
      new Set(
        [event.task, event.task.split(' ')[0]!, '16m40s', '16m40s left', '89%', '1%'].concat(
          Object.entries(event.figures ?? {}).map(
            ([name, value]) => `${name} ${typeof value === 'number' ? Number(value.toPrecision(4)) : value}`,
          ),
          ['333000/370050', '333000/370050 steps', '1.5/147.9', '1.5/147.9 GB', '131.7', '131.7 MB'],
        ),
      );
    for (const event of [training, download, unpack])
      for (let width = 1; width <= 200; width++) {
        const text = progressText({ event, seconds: 1, secondsLeft: 1000 }, width);
        assert.ok(text.length <= width, `${width}: ${text}`);
        if (width >= 20) assert.match(text, /^16m40s left {2}/);
        for (const part of text.split('  ').filter((one) => one !== ''))
          assert.ok(whole(event).has(part.replace(/^=*-* /, '')), `${width}: ${part}`);
      }
  });

  it('counts wide characters as two columns, and writes no control characters', () => {
    const event = { task: 'unpack \u5199\u771f.tar\u001b[2J', done: 1e6, unit: 'bytes' };
    assert.equal(progressText({ event, seconds: 1 }, 18), 'unpack  1.0 MB');
    assert.equal(progressText({ event, seconds: 1 }, 19), 'unpack \u5199\u771f.tar [2J');
  });

  it('says what it took at the end, and nothing of the time left before it is known', () => {
    const event = { task: 'svm', done: 0, total: 4, unit: 'classes' };
    assert.equal(progressText({ event, seconds: 0 }, 40), 'svm  ------------------- 0%  0/4 classes');
    assert.equal(
      progressText({ event: { ...event, done: 4 }, seconds: 71 }, 40),
      'in 1m11s  svm  ======= 100%  4/4 classes',
    );
    assert.match(progressText({ event, seconds: 5, last: true }, 40), /^after 5s {2}svm/);
    assert.match(progressText({ event: { ...event, total: 0 }, seconds: 5 }, 40), /=+ 100%/);
  });

  it('rounds durations up, and writes two units at most', () => {
    const seconds = [0, 0.2, 59.5, 60, 61, 3599, 3600, 18_421, 86_399, 86_400, 187_200];
    assert.deepEqual(seconds.map(duration), [
      '1s',
      '1s',
      '1m00s',
      '1m00s',
      '1m01s',
      '59m59s',
      '1h00m',
      '5h07m',
      '23h59m',
      '1d00h',
      '2d04h',
    ]);
  });
});

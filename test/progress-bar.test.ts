// The progress bar on the screen of a terminal, at several widths and while the width changes.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { pictures } from './features/nets.js';
import { root, withFolder } from './support.js';
import { type Terminal, withTerminal } from './terminal.js';

const url = (path: string): string => JSON.stringify(new URL(path, import.meta.url).href);

/**
 * Does what each line of input says, ten seconds apart by its clock, and acknowledges it: an event to show, "note"
 * to print a note, "stop" to stop the bar and print a result. A new width is acknowledged too.
 */
const program = `
  let now = 0;
  performance.now = () => now;
  const { progressBar, note, say } = await import(${url('../src/cli/output.js')});
  const { createInterface } = await import('node:readline');
  const { onProgress, stop } = progressBar({});
  const acknowledge = () => process.stderr.write('\\u001b]777;\\u0007');
  process.stderr.on('resize', () => setImmediate(acknowledge));
  for await (const line of createInterface({ input: process.stdin })) {
    if (line === 'note') note({}, 'A note.');
    else if (line === 'stop') { stop(); say({}, 'The result.'); }
    else onProgress(JSON.parse(line));
    acknowledge();
    now += 10_000;
    if (line === 'stop') break;
  }
`;
const command = [process.execPath, '--input-type=module', '-e', program];

const event = (done: number, task = 'train'): string =>
  JSON.stringify({
    task,
    done,
    total: 600,
    unit: 'steps',
    figures: { epoch: '1/3', loss: 2.5, 'images/s': 310.2, waiting: '3%' },
  });

/** Sends lines one after the other; the screen after each. */
const screensOf = async (terminal: Terminal, lines: readonly string[], before = 0): Promise<string[][]> => {
  const screens: string[][] = [];
  for (const [i, line] of lines.entries()) {
    terminal.send(line);
    await terminal.acknowledged(before + i + 1);
    screens.push(terminal.screen());
  }
  return screens;
};

describe('progressBar', () => {
  const expected: Readonly<Record<number, readonly string[]>> = {
    80: [
      'train  ------- 0%  0/600 steps  epoch 1/3  loss 2.5  images/s 310.2  waiting 3%',
      '1m30s left  train  =---- 10%  60/600 steps  epoch 1/3  loss 2.5  images/s 310.2',
      'in 20s  train  ======= 100%  600/600 steps  epoch 1/3  loss 2.5  images/s 310.2',
    ],
    40: [
      'train  ----- 0%  0/600 steps  epoch 1/3',
      '1m30s left  train  =------- 10%  60/600',
      'in 20s  train  ==== 100%  600/600 steps',
    ],
    20: ['train  --------- 0%', '1m30s left  --- 10%', 'in 20s  ====== 100%'],
  };
  for (const columns of [80, 40, 20])
    it(`is one whole line of a terminal of ${columns} columns`, () =>
      withTerminal(command, { columns }, async (terminal) => {
        const screens = await screensOf(terminal, [event(0), event(60), event(600), 'stop']);
        const lines = expected[columns]!;
        assert.deepEqual(screens, [[lines[0]], [lines[1]], [lines[2]], [lines[2], 'The result.']]);
        assert.doesNotMatch(terminal.output(), /\b0s left/);
        assert.equal(await terminal.ended(), 0);
      }));

  for (const reflow of [true, false])
    it(`leaves nothing behind when the width changes, ${reflow ? 'with' : 'without'} lines wrapped anew`, () =>
      withTerminal(command, { columns: 80, reflow }, async (terminal) => {
        await screensOf(terminal, ['note', event(0), event(60)]);
        let count = 3;
        for (const columns of [40, 80, 23, 20, 120, 60]) {
          await terminal.resize(columns);
          await terminal.acknowledged(++count);
          const [first, bar, ...others] = terminal.screen();
          assert.deepEqual([first, ...others], ['A note.'], `${columns}`);
          assert.match(bar!, /^1m20s left {2}.*10%/, `${columns}`);
          assert.ok(bar!.length < columns);
        }
        await terminal.resize(80);
        await terminal.acknowledged(++count);
        const [screen] = await screensOf(terminal, ['stop'], count);
        assert.equal(screen!.length, 3);
        assert.equal(screen![2], 'The result.');
        assert.equal(await terminal.ended(), 0);
      }));

  it('makes way for notes, and keeps the last line of each task', () =>
    withTerminal(command, { columns: 60 }, async (terminal) => {
      const lines = [event(0), event(300), 'note', event(450), event(0, 'check'), 'note', 'stop'];
      const screens = await screensOf(terminal, lines);
      assert.deepEqual(screens[2], ['A note.']);
      assert.deepEqual(screens[3], [
        'A note.',
        '10s left  train  =========--- 75%  450/600 steps  epoch 1/3',
      ]);
      const checking = 'check  --- 0%  0/600 steps  epoch 1/3  loss 2.5  waiting 3%';
      const stopped = 'after 40s  train  ========--- 75%  450/600 steps  epoch 1/3';
      assert.deepEqual(screens[4], ['A note.', stopped, checking]);
      assert.deepEqual(screens[5], ['A note.', stopped, 'A note.']);
      assert.deepEqual(screens[6]!.slice(0, 3), ['A note.', stopped, 'A note.']);
      assert.match(screens[6]![3]!, /^after 20s {2}check/);
      assert.deepEqual(screens[6]!.slice(4), ['The result.']);
    }));

  it('is a line now and then where nothing can be drawn: no terminal, or a dumb one', async () => {
    const lines = [event(0), event(60), event(600), 'stop'];
    const expectedLines = [
      'train  ------------------------ 0%  0/600 steps  epoch 1/3  loss 2.5  images/s 310.2  waiting 3%',
      '1m30s left  train  ==---------------------- 10%  60/600 steps  epoch 1/3  loss 2.5  images/s 310.2  waiting 3%',
      'in 20s  train  ======================== 100%  600/600 steps  epoch 1/3  loss 2.5  images/s 310.2  waiting 3%',
    ];
    const piped = spawnSync(command[0]!, command.slice(1), {
      input: `${lines.join('\n')}\n`,
      encoding: 'utf8',
    });
    assert.equal(piped.stdout, 'The result.\n');
    assert.deepEqual(piped.stderr.replaceAll('\u001b]777;\u0007', '').trimEnd().split('\n'), expectedLines);
    await withTerminal(command, { columns: 200, env: { TERM: 'dumb' } }, async (terminal) => {
      const screens = await screensOf(terminal, lines);
      assert.deepEqual(screens[3], [...expectedLines, 'The result.']);
      assert.ok(!terminal.output().replaceAll('\u001b]777;\u0007', '').includes('\u001b'));
    });
  });

  it('uses no colours', () =>
    withTerminal(command, { columns: 80, env: { NO_COLOR: '1' } }, async (terminal) => {
      await screensOf(terminal, [event(0), event(60), 'stop']);
      // eslint-disable-next-line no-control-regex
      assert.doesNotMatch(terminal.output(), /\u001b\[[\d;]*m/);
    }));

  it('shows the progress of a command whole in a terminal of 40 columns', () =>
    withFolder(async (data) => {
      await pictures(data, 4);
      const main = join(root, 'dist/src/cli/main.js');
      const stats = [process.execPath, main, 'datasets', 'stats', 'folder', '--data', data, '--workers', '1'];
      await withTerminal(stats, { columns: 40 }, async (terminal) => {
        assert.equal(await terminal.ended(), 0, terminal.output());
        const [bar] = terminal.screen();
        assert.match(bar!, /^in \ds {2}measure {2}=+ 100% {2}4\/4 images$/);
      });
    }));
});

// Ctrl-C in a process of its own: what the first and the second signal do, and which errors count as an interruption.
import { deepEqual, equal } from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';

const url = (path: string): string => new URL(path, import.meta.url).href;

/** Runs `body` (`work` and `options` for `interruptible`) in a child, which gets `signals` once it says that it is ready. */
const child = async (
  body: string,
  signals: readonly NodeJS.Signals[],
): Promise<{ code: number | null; signal: NodeJS.Signals | null; stdout: string; stderr: string }> => {
  const script = `
    import { interruptible } from ${JSON.stringify(url('../../src/cli/interruptible.js'))};
    import { InterruptedError } from ${JSON.stringify(url('../../src/errors.js'))};
    const busy = setInterval(() => undefined, 1000);
    const aborted = (signal) => new Promise((resolve) => {
      signal.addEventListener('abort', resolve);
      console.log('ready');
    });
    ${body}
    try { console.log('returned', await interruptible(work, options)); } catch (error) { console.log('thrown', error.message); }
    clearInterval(busy);
  `;
  const process_ = spawn(process.execPath, ['--input-type=module', '-e', script], {
    timeout: 20_000,
    killSignal: 'SIGKILL',
  });
  let [stdout, stderr, sent] = ['', '', false];
  process_.stdout.on('data', (data: Buffer) => {
    stdout += data.toString();
    if (sent || !stdout.includes('ready\n')) return;
    sent = true;
    for (const signal of signals) process_.kill(signal);
  });
  process_.stderr.on('data', (data: Buffer) => (stderr += data.toString()));
  const [code, signal] = (await once(process_, 'close')) as [number | null, NodeJS.Signals | null];
  return { code, signal, stdout, stderr };
};

describe('interruptible', () => {
  const cleanly = `const work = async (signal) => { await aborted(signal); throw new InterruptedError('Stopped at 3.'); };`;

  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    it(`tells work that ended cleanly after ${signal}, and exits 130`, async () => {
      deepEqual(await child(`${cleanly} const options = { stop: () => console.log('stop') };`, [signal]), {
        code: 130,
        signal: null,
        stdout: 'ready\nstop\nstop\nreturned undefined\n',
        stderr: 'Stopped at 3.\n',
      });
    });

  it('takes the words of the command where it has its own', async () => {
    const { stderr } = await child(`${cleanly} const options = { told: 'Nothing was written.' };`, [
      'SIGINT',
    ]);
    equal(stderr, 'Nothing was written.\n');
  });

  it('knows the reason of its signal as an interruption', async () => {
    const work = `const work = async (signal) => { await aborted(signal); signal.throwIfAborted(); };`;
    const { code, stderr } = await child(`${work} const options = {};`, ['SIGINT']);
    deepEqual([code, stderr], [130, 'Interrupted; run the same command again to continue.\n']);
  });

  it('passes on a failure that comes after the signal', async () => {
    const work = `const work = async (signal) => { await aborted(signal); throw new Error('disk full'); };`;
    const { code, stdout, stderr } = await child(`${work} const options = {};`, ['SIGINT']);
    deepEqual([code, stdout, stderr], [0, 'ready\nthrown disk full\n', '']);
  });

  it('returns what work returns', async () => {
    const { code, stdout } = await child(`const work = async () => 7; const options = {};`, []);
    deepEqual([code, stdout], [0, 'returned 7\n']);
  });

  it('lets the next signal, of either kind, end a process that does not stop', async () => {
    const stuck = `const work = (signal) => new Promise(() => signal.addEventListener('abort', () => process.kill(process.pid, 'SIGTERM')) ?? console.log('ready'));`;
    const { code, signal } = await child(`${stuck} const options = {};`, ['SIGINT']);
    deepEqual([code, signal], [null, 'SIGTERM']);
  });
});

import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { OptionName, VerydeepError } from '../../src/errors.js';
import { ThreadError, Threads, type ThreadsOptions } from '../../src/threads/threads.js';
import { withFolder } from '../support.js';

/** What the threads of these tests serve. */
interface Handlers extends Record<string, (task: never) => unknown> {
  readonly double: (x: number) => number;
  readonly bytes: (task: { data: Uint8Array }) => Uint8Array;
  /** Waits, and says how many others of this thread were waiting. */
  readonly wait: (milliseconds: number) => number;
  readonly who: (task: null) => string;
  readonly fail: (task: null) => never;
  /** Ends the thread, only once where the file `mark` is given. */
  readonly die: (mark: string | null) => string;
}

const base = new URL('../../src/', import.meta.url).href;

const body = (more: string): string => `
  import { existsSync, writeFileSync } from 'node:fs';
  import { serve } from '${base}threads/serve.js';
  import { Moved } from '${base}threads/messages.js';
  import { option, text, VerydeepError } from '${base}errors.js';
  const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
  let waiting = 0;
  serve(async (data) => {
    if (data?.broken) throw new VerydeepError(text\`\${option('net')} is broken\`);
    return { ready: 'ready ' + (data?.name ?? ''), ${more} handlers: {
      double: (x) => 2 * x,
      bytes: ({ data }) => new Moved(data, [data.buffer]),
      wait: async (milliseconds) => {
        const others = waiting++;
        await pause(milliseconds);
        waiting--;
        return others;
      },
      who: async () => (await pause(30), data?.name ?? ''),
      fail: () => { throw new VerydeepError(text\`Give \${option('trainPerClass')}.\`); },
      die: (mark) => {
        if (mark && existsSync(mark)) return 'alive';
        if (mark) writeFileSync(mark, '');
        process.exit(7);
      },
    } };
  });`;

interface Data {
  readonly name?: string;
  readonly broken?: boolean;
}

/** Threads as data for `start` says; the files of the script lie in a folder of their own. */
const withThreads = (
  use: (threads: Threads<Handlers, Data, string>, folder: string) => Promise<void>,
  { more = '', ...options }: Partial<ThreadsOptions> & { more?: string } = {},
): Promise<void> =>
  withFolder(async (folder) => {
    const script = join(folder, 'thread.mjs');
    await writeFile(script, body(more));
    const threads = new Threads<Handlers, Data, string>(pathToFileURL(script), {
      name: 'A test thread',
      ...options,
    });
    try {
      await use(threads, folder);
    } finally {
      await threads.close();
    }
  });

const died = (error: unknown): boolean => error instanceof ThreadError && error.how === 'died';
const ports = () => process.getActiveResourcesInfo().filter((name) => name === 'MessagePort').length;

describe('worker threads', () => {
  it('answer tasks, each given to the least busy one', () =>
    withThreads(async (threads) => {
      assert.equal(await threads.start({ name: 'a' }), 'ready a');
      assert.equal(await threads.start({ name: 'b' }), 'ready b');
      assert.equal(await threads.run('double', 21), 42);
      const names = await Promise.all([1, 2, 3, 4].map(() => threads.run('who', null)));
      assert.deepEqual(names.sort(), ['a', 'a', 'b', 'b']);
    }));

  it('hand buffers over in both directions', () =>
    withThreads(async (threads) => {
      void threads.start({});
      const data = Uint8Array.of(1, 2, 3);
      const answer = await threads.run(
        'bytes',
        { data },
        { buffers: (task) => [task.data.buffer as ArrayBuffer] },
      );
      assert.equal(data.length, 0);
      assert.deepEqual(answer, Uint8Array.of(1, 2, 3));
    }));

  it('do tasks at the same time where they wait, or one after the other', async () => {
    const others = async (threads: Threads<Handlers, Data, string>) => {
      void threads.start({});
      return Promise.all([1, 2, 3].map(() => threads.run('wait', 30)));
    };
    await withThreads(async (threads) => assert.deepEqual(await others(threads), [0, 1, 2]));
    await withThreads(async (threads) => assert.deepEqual(await others(threads), [0, 0, 0]), {
      more: 'inTurn: true,',
    });
  });

  it('hand on what a task throws, with the option that it names, and go on', () =>
    withThreads(async (threads) => {
      void threads.start({});
      await assert.rejects(
        threads.run('fail', null),
        (error) =>
          error instanceof VerydeepError &&
          !(error instanceof ThreadError) &&
          error.message === 'Give trainPerClass.' &&
          error.option === 'trainPerClass' &&
          Array.isArray(error.pieces) &&
          error.pieces.some((piece) => piece instanceof OptionName),
      );
      await assert.rejects(
        threads.run('double', () => 1, {
          buffers: () => ['no buffer' as unknown as ArrayBuffer],
        }),
        (error) => !(error instanceof ThreadError), // A TypeError or a DOMException, by Node's version.
      );
      assert.equal(await threads.run('double', 1), 2);
    }));

  it('say why they cannot get ready, and refuse tasks', () =>
    withThreads(async (threads) => {
      await assert.rejects(threads.start({ broken: true }), /^VerydeepError: net is broken$/);
      await assert.rejects(threads.run('double', 1), ThreadError);
    }));

  it('refuse tasks from the first death on', () =>
    withThreads(async (threads) => {
      void threads.start({});
      void threads.start({});
      const waiting = threads.run('wait', 50);
      await assert.rejects(threads.run('die', null), {
        message: 'A test thread failed: it ended with code 7.',
      });
      await assert.rejects(threads.run('double', 1), died);
      assert.equal(await waiting, 0); // The other thread ends what it has.
    }));

  it('are replaced where that is asked for, and the task is tried once more', () =>
    withThreads(
      async (threads, folder) => {
        void threads.start({});
        let made = 0;
        const task = () => {
          made++;
          return join(folder, 'mark');
        };
        assert.equal(await threads.run('die', task), 'alive');
        assert.equal(made, 2);
        await assert.rejects(threads.run('die', null), died);
        assert.equal(await threads.run('double', 2), 4);
      },
      { retries: 1 },
    ));

  it('end when an error is to end them', () =>
    withThreads(
      async (threads) => {
        void threads.start({});
        await assert.rejects(
          threads.run('fail', null),
          (error) => died(error) && /Give trainPerClass/.test((error as Error).message),
        );
      },
      { more: 'fatal: true,' },
    ));

  it('are given up where they say nothing for too long', () =>
    withThreads(async (threads) => {
      await threads.start({});
      await assert.rejects(
        threads.run('wait', 60_000, { seconds: 0.1 }),
        (error) =>
          error instanceof ThreadError &&
          error.how === 'silent' &&
          error.reason === 'no answer in 0.1 seconds',
      );
      await assert.rejects(threads.run('double', 1), /no answer in 0.1 seconds/);
    }));

  it('leave nothing behind when they are closed, whatever they are at', () =>
    withThreads(async (threads) => {
      const before = ports();
      const ready = [threads.start({}), threads.start({})];
      await ready[0];
      const given = [1, 2, 3].map(() => threads.run('wait', 60_000));
      const ends = Promise.allSettled(given);
      await threads.close();
      for (const end of await ends) {
        assert.ok(end.status === 'rejected');
        assert.equal((end.reason as ThreadError).how, 'closed');
      }
      await assert.rejects(threads.run('double', 1), /it was closed/);
      assert.equal(ports(), before);
    }));

  it('finish what they have and free what they hold where there is patience', () =>
    withThreads(
      async (threads, folder) => {
        await threads.start({});
        const answer = threads.run('wait', 50);
        await threads.close(10);
        assert.equal(await answer, 0);
        assert.ok((await import('node:fs')).existsSync(join(folder, 'freed')));
      },
      {
        more: `inTurn: true, close: () => writeFileSync(new URL('freed', import.meta.url), ''),`,
      },
    ));

  it('refuse tasks where none can be started', () =>
    withThreads(async (threads) => {
      await assert.rejects(
        threads.run('double', 1),
        (error) => error instanceof ThreadError && error.how === 'unavailable',
      );
    }));
});

// The logs of a training run: log.jsonl, a line of JSON for each step and each epoch, the same for the same run; times.jsonl, how long
// each epoch took. A resumed run removes the lines of the steps that it repeats.
import { type FileHandle, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '../../errors.js';
import { writeError, writeFileAtomically } from '../../io/files.js';
import type { EpochTimes } from './outcome.js';

const files = { log: 'log.jsonl', times: 'times.jsonl' } as const;
type Name = keyof typeof files;

type TimesLine = EpochTimes & { readonly step: number; readonly epoch: number };
type Line = { readonly step: number } & Readonly<Record<string, unknown>>;

const textOf = async (path: string): Promise<string> => {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw writeError(path, error);
    return '';
  }
};

/** Lines of a log; an unfinished last line is dropped. */
const linesOf = (text: string): Line[] =>
  text.split('\n').flatMap((line) => {
    try {
      return line === '' ? [] : [JSON.parse(line) as Line];
    } catch {
      return [];
    }
  });

/** How long the epochs of the run in `out` took. */
export const readTimes = async (out: string): Promise<ReadonlyMap<number, EpochTimes>> => {
  const lines = linesOf(await textOf(join(out, files.times)));
  return new Map(
    lines.map((line) => {
      const { epoch, seconds, waiting, imagesPerSecond, communication } = line as unknown as TimesLine;
      return [epoch, { seconds, waiting, imagesPerSecond, ...(communication && { communication }) }];
    }),
  );
};

/** Append-only logs. The caller closes them. */
export class TrainingLog {
  readonly #out: string;
  readonly #files: Readonly<Record<Name, FileHandle>>;

  private constructor(out: string, handles: Readonly<Record<Name, FileHandle>>) {
    this.#out = out;
    this.#files = handles;
  }

  /** Opens the logs of a run that has done `step` steps: later lines are removed. */
  static async open(out: string, step: number): Promise<TrainingLog> {
    const opened = async (name: Name): Promise<FileHandle> => {
      const path = join(out, files[name]);
      const text = await textOf(path);
      const kept = step === 0 ? [] : linesOf(text).filter((line) => line.step <= step);
      await writeFileAtomically(path, kept.map((line) => `${JSON.stringify(line)}\n`).join(''));
      return open(path, 'a');
    };
    return new TrainingLog(out, { log: await opened('log'), times: await opened('times') });
  }

  async #append(name: Name, line: Line): Promise<void> {
    try {
      await this.#files[name].appendFile(`${JSON.stringify(line)}\n`);
    } catch (error) {
      throw writeError(join(this.#out, files[name]), error);
    }
  }

  write(line: Line): Promise<void> {
    return this.#append('log', line);
  }

  /** How long an epoch took, which ended at a step. */
  writeTimes(line: TimesLine): Promise<void> {
    return this.#append('times', { ...line });
  }

  async close(): Promise<void> {
    for (const file of Object.values(this.#files)) await file.close();
  }
}

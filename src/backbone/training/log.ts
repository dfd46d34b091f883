// The log of a training run: a line of JSON for each step and each epoch. A resumed run removes the lines of
// the steps that it repeats.
import { type FileHandle, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '../../errors.js';
import { writeError, writeFileAtomically } from '../../io/files.js';

const logPath = (out: string): string => join(out, 'log.jsonl');

/** Lines of a log up to `step`; an unfinished last line is dropped. */
const linesUpTo = (text: string, step: number): string[] =>
  text.split('\n').filter((line) => {
    try {
      return line !== '' && (JSON.parse(line) as { step: number }).step <= step;
    } catch {
      return false;
    }
  });

/** An append-only log. The caller closes it. */
export class TrainingLog {
  readonly #path: string;
  readonly #file: FileHandle;

  private constructor(path: string, file: FileHandle) {
    this.#path = path;
    this.#file = file;
  }

  /** Opens the log of a run that has done `step` steps: later lines are removed. */
  static async open(out: string, step: number): Promise<TrainingLog> {
    const path = logPath(out);
    let text = '';
    try {
      text = await readFile(path, 'utf8');
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw writeError(path, error);
    }
    const kept = step === 0 ? [] : linesUpTo(text, step);
    await writeFileAtomically(path, kept.map((line) => `${line}\n`).join(''));
    return new TrainingLog(path, await open(path, 'a'));
  }

  async write(line: { readonly step: number } & Readonly<Record<string, unknown>>): Promise<void> {
    try {
      await this.#file.appendFile(`${JSON.stringify(line)}\n`);
    } catch (error) {
      throw writeError(this.#path, error);
    }
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

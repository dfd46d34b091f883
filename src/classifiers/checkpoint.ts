// Solved classes on disk, a file each, so that an interrupted grid goes on where it was.
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { makeFolder } from '../files.js';
import { openSafetensors, writeSafetensors } from '../safetensors.js';
import type { Gram } from './gram.js';
import type { Common, Solution, Task } from './solver/task.js';

/** Rows of the Gram matrix that stand for all of it: a change of any descriptor changes its products with them. */
const ROWS_HASHED = 64;

/** What names a class's problem: settings, grid, labels, and the descriptors by way of their inner products. */
const fingerprint = (descriptors: string, common: Common, task: Task): string =>
  createHash('sha256')
    .update(JSON.stringify([descriptors, common.settings, common.keep, task.grid]))
    .update(common.held ?? 'none')
    .update(task.labels)
    .digest('hex');

const descriptorsHash = (gram: Gram): string => {
  const hash = createHash('sha256').update(String(gram.rows));
  const every = Math.max(1, Math.floor(gram.rows / ROWS_HASHED));
  for (let row = 0; row < gram.rows; row += every) {
    hash.update(gram.data.slice(row * gram.rows, (row + 1) * gram.rows));
  }
  return hash.digest('hex');
};

type Kept = Pick<Solution, 'C' | 'certificate' | 'bias'>;

/** A folder of solved classes. */
export interface Checkpoint {
  /** The solutions of a class that were kept, if they are of this very problem. */
  read(index: number): Promise<Solution[] | undefined>;
  write(index: number, solutions: readonly Solution[]): Promise<void>;
}

/** Opens or makes the folder. Files of another problem are passed over and overwritten. */
export const openCheckpoint = async (
  folder: string,
  part: string,
  gram: Gram,
  common: Common,
  tasks: readonly Task[],
): Promise<Checkpoint> => {
  await makeFolder(folder, 'checkpoint');
  const descriptors = descriptorsHash(gram);
  const name = common.keep === 'values' ? 'values' : 'alpha';
  const pathOf = (index: number): string =>
    join(folder, `${part}-${String(index).padStart(5, '0')}.safetensors`);
  return {
    async read(index) {
      const path = pathOf(index);
      if (!existsSync(path)) return undefined;
      const file = await openSafetensors(path);
      try {
        if (file.metadata['problem'] !== fingerprint(descriptors, common, tasks[index]!)) return undefined;
        const solutions = JSON.parse(file.metadata['solutions']!) as Kept[];
        const numbers = await file.read(name);
        const length = numbers.length / solutions.length;
        return solutions.map((solution, i): Solution => ({
          ...solution,
          [name]: numbers.slice(i * length, (i + 1) * length),
        }));
      } finally {
        await file.close();
      }
    },
    async write(index, solutions) {
      const numbers = solutions.map((solution) => solution[name]!);
      const length = numbers[0]?.length ?? 0;
      const all = new Float32Array(length * solutions.length);
      numbers.forEach((values, i) => all.set(values, i * length));
      const kept = solutions.map(({ C, certificate, bias }): Kept => ({ C, certificate, bias }));
      await writeSafetensors(
        pathOf(index),
        { problem: fingerprint(descriptors, common, tasks[index]!), solutions: JSON.stringify(kept) },
        [{ name, shape: [solutions.length, length], data: all }],
      );
    },
  };
};

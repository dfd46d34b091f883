// Solved classes on disk, one file each, so that an interrupted grid can be resumed.
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { makeFolder } from '../io/files.js';
import { openSafetensors, writeSafetensors } from '../formats/safetensors.js';
import type { Gram } from './gram.js';
import { storedSettings } from './problem.js';
import type { Common, Solution, Task } from './solver/task.js';

/** Bytes of the Gram matrix that are hashed at a time: shared memory must be copied before hashing. */
const HASHED_BYTES = 2 ** 24;

/**
 * What identifies a class's problem: settings, grid, labels, and the descriptors through their inner
 * products.
 */
const fingerprint = (descriptors: string, common: Common, task: Task): string =>
  createHash('sha256')
    .update(JSON.stringify([descriptors, storedSettings(common.settings), common.keep, task.grid]))
    .update(common.held ?? 'none')
    .update(task.labels)
    .digest('hex');

/** Hash of the whole Gram matrix: a solution depends on nothing else of the descriptors. */
const descriptorsHash = (gram: Gram): string => {
  const hash = createHash('sha256').update(String(gram.rows));
  for (let start = 0; start < gram.data.length; start += HASHED_BYTES / 4) {
    hash.update(gram.data.slice(start, start + HASHED_BYTES / 4));
  }
  return hash.digest('hex');
};

type Kept = Pick<Solution, 'C' | 'certificate' | 'bias'>;

/** A folder of solved classes. */
interface Checkpoint {
  /** The saved solutions of a class, if they belong to this problem. */
  read(index: number): Promise<Solution[] | undefined>;
  write(index: number, solutions: readonly Solution[]): Promise<void>;
}

/** Opens or creates the folder. Files of another problem are ignored and overwritten. */
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
        const numbers = await file.readDoubles(name);
        const length = numbers.length / solutions.length;
        return solutions.map((solution, i): Solution => ({
          ...solution,
          ...(name === 'alpha'
            ? { alpha: numbers.slice(i * length, (i + 1) * length) }
            : { values: Float32Array.from(numbers.subarray(i * length, (i + 1) * length)) }),
        }));
      } finally {
        await file.close();
      }
    },
    async write(index, solutions) {
      const numbers = solutions.map((solution) => solution[name]!);
      const length = numbers[0]?.length ?? 0;
      const all = new Float64Array(length * solutions.length);
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

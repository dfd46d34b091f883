// The primal solver's state after its last round, on disk, so that an interrupted run can be resumed.
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { makeFolder } from '../io/files.js';
import { openSafetensors, writeSafetensors } from '../formats/safetensors.js';
import type { State } from './primal-passes.js';
import { type ClassLabels, type FullSettings, storedSettings } from './problem.js';
import { type Descriptors, hashOfRows } from './rows.js';

type Kept = Pick<State, 'alpha' | 'weights' | 'bias' | 'updates' | 'certificate'>;

/** State after a round: every class, and the companions of the next round's blocks. */
interface Snapshot {
  readonly round: number;
  readonly standings: readonly Kept[];
  readonly companions: readonly number[];
}

/** Everything that the solver's progress depends on. */
interface PrimalProblem {
  readonly descriptors: Descriptors;
  readonly classes: readonly ClassLabels[];
  readonly Cs: readonly number[];
  readonly settings: FullSettings;
  readonly blockRows: number;
  /** Initial coefficients of each class. */
  readonly starts?: readonly Float64Array[];
}

const fingerprint = async (problem: PrimalProblem): Promise<string> => {
  const { descriptors, classes, Cs, settings, blockRows, starts } = problem;
  const hash = createHash('sha256').update(
    JSON.stringify([
      await hashOfRows(descriptors),
      Cs,
      storedSettings(settings),
      blockRows,
      starts !== undefined,
    ]),
  );
  for (const { labels } of classes) hash.update(labels);
  for (const alpha of starts ?? []) hash.update(alpha);
  return hash.digest('hex');
};

/** The state file of one problem. */
interface PrimalCheckpoint {
  /** The saved state, if it belongs to this problem. */
  read(): Promise<Snapshot | undefined>;
  write(snapshot: Snapshot): Promise<void>;
}

/** Opens or creates the folder. A file of another problem is ignored and overwritten. */
export const openPrimalCheckpoint = async (
  folder: string,
  part: string,
  problem: PrimalProblem,
): Promise<PrimalCheckpoint> => {
  await makeFolder(folder, 'checkpoint');
  const path = join(folder, `primal-${part}.safetensors`);
  const own = await fingerprint(problem);
  const { rows, columns } = problem.descriptors;
  return {
    async read() {
      if (!existsSync(path)) return undefined;
      const file = await openSafetensors(path);
      try {
        if (file.metadata['problem'] !== own) return undefined;
        const { numbers, ...state } = JSON.parse(file.metadata['state']!) as Omit<Snapshot, 'standings'> & {
          numbers: readonly Pick<Kept, 'bias' | 'updates' | 'certificate'>[];
        };
        const standings: Kept[] = [];
        for (const [c, rest] of numbers.entries()) {
          standings.push({
            ...rest,
            alpha: await file.readDoubles(`alpha.${c}`),
            weights: await file.readDoubles(`weights.${c}`),
          });
        }
        return { ...state, standings };
      } finally {
        await file.close();
      }
    },
    async write({ round, standings, companions }) {
      const numbers = standings.map(({ bias, updates, certificate }) => ({ bias, updates, certificate }));
      const tensors = standings.flatMap(({ alpha, weights }, c) => [
        { name: `alpha.${c}`, shape: [rows], data: alpha },
        { name: `weights.${c}`, shape: [columns], data: weights },
      ]);
      const state = JSON.stringify({ round, companions, numbers });
      await writeSafetensors(path, { problem: own, state }, tensors);
    },
  };
};

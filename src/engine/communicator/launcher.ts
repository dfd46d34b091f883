// What started this process: mpirun of Open MPI or MPICH, or Slurm's srun. They tell each process its rank in its environment.
import { UsageError } from '../../errors.js';
import type { MpiFamily } from './mpi-library.js';

/** A launcher, and the variables in which it tells a process its rank. */
interface Launcher {
  readonly name: string;
  readonly rank: string;
  readonly size: string;
  /** The rank among those of the same host, and their number. */
  readonly localRank?: string;
  readonly localSize?: string;
  /** Families of libraries that can talk to it, the likeliest first. */
  readonly families: readonly MpiFamily[];
  /** A variable that must be there besides. */
  readonly sign?: string;
}

/** The first that fits is taken: under srun the variables of PMI are there too. */
const launchers: readonly Launcher[] = [
  {
    name: "Open MPI's mpirun",
    ...{ rank: 'OMPI_COMM_WORLD_RANK', size: 'OMPI_COMM_WORLD_SIZE' },
    ...{ localRank: 'OMPI_COMM_WORLD_LOCAL_RANK', localSize: 'OMPI_COMM_WORLD_LOCAL_SIZE' },
    families: ['openmpi', 'abi'],
  },
  {
    name: 'srun with pmix',
    ...{ rank: 'SLURM_PROCID', size: 'SLURM_STEP_NUM_TASKS', localRank: 'SLURM_LOCALID', sign: 'PMIX_RANK' },
    families: ['openmpi', 'abi', 'mpich'],
  },
  {
    name: 'srun with pmi2',
    ...{ rank: 'SLURM_PROCID', size: 'SLURM_STEP_NUM_TASKS', localRank: 'SLURM_LOCALID', sign: 'PMI_FD' },
    families: ['mpich', 'abi'],
  },
  {
    name: "MPICH's mpiexec",
    ...{ rank: 'PMI_RANK', size: 'PMI_SIZE', localRank: 'MPI_LOCALRANKID', localSize: 'MPI_LOCALNRANKS' },
    families: ['mpich', 'abi'],
  },
];

/** How this process was started. It can be posted to a thread. */
export interface Launched {
  readonly launcher: string;
  readonly rank: number;
  readonly size: number;
  readonly localRank?: number;
  readonly families: readonly MpiFamily[];
  /** The library that VERYDEEP_MPI names. */
  readonly file?: string;
}

const numberIn = (value: string | undefined): number | undefined =>
  value === undefined || !/^\d+$/.test(value) ? undefined : Number(value);

/**
 * What started this process as one of several ranks; undefined where it is alone.
 *
 * @throws UsageError under srun without a process manager's interface: each process would train alone
 */
export const launched = (environment: NodeJS.ProcessEnv = process.env): Launched | undefined => {
  for (const { name, families, sign, ...variables } of launchers) {
    const [rank, size] = [numberIn(environment[variables.rank]), numberIn(environment[variables.size])];
    if (rank === undefined || size === undefined) continue;
    if (sign !== undefined && environment[sign] === undefined) continue;
    if (size === 1) return undefined;
    const localRank = variables.localRank && numberIn(environment[variables.localRank]);
    const file = environment['VERYDEEP_MPI'];
    return {
      ...{ launcher: name, rank, size, families },
      ...(localRank !== undefined && localRank !== '' && { localRank }),
      ...(file !== undefined && { file }),
    };
  }
  const tasks = numberIn(environment['SLURM_STEP_NUM_TASKS']);
  if (tasks === undefined || tasks === 1 || environment['SLURM_PROCID'] === undefined) return undefined;
  throw new UsageError(
    `srun started ${tasks} tasks without an interface of MPI: each would train alone. Give srun's option mpi: pmix for Open MPI, pmi2 for MPICH.`,
  );
};

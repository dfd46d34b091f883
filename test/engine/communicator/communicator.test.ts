import assert from 'node:assert/strict';
import { Worker } from 'node:worker_threads';
import { fromBfloat16, toBfloat16 } from '../../../src/engine/communicator/bfloat16.js';
import { launched } from '../../../src/engine/communicator/launcher.js';
import { failIn, sharedArea } from '../../../src/engine/communicator/shared-memory.js';
import { single } from '../../../src/engine/communicator/single.js';
import { ThreadedCommunicator } from '../../../src/engine/communicator/threaded.js';
import { type Exercised, expectedSum, hash } from './exercise.js';

/** What each of `size` threads got of every operation. */
const inThreads = (size: number, how = {}): Promise<Exercised[]> => {
  const area = sharedArea(size);
  const ranks = Array.from({ length: size }, (_, rank) => {
    const worker = new Worker(new URL('./rank-thread.js', import.meta.url), {
      workerData: { rank, area, how },
      execArgv: [],
    });
    return new Promise<Exercised>((resolve, reject) => {
      worker.once('message', resolve).once('error', reject);
    });
  });
  return Promise.all(ranks);
};

describe('communicator', () => {
  it('exchanges values, arrays and sums between threads, which are the sum of one thread to the last bit', async () => {
    const sum = expectedSum();
    for (const size of [2, 3, 4]) {
      const all = await inThreads(size);
      const first = new Float32Array(2 ** 22 + 5).fill(0.25, 1000);
      all.forEach((each, rank) => {
        assert.deepEqual([each.rank, each.size, each.local], [rank, size, { rank, size }]);
        assert.equal(each.sum, hash(sum), `the sum of ${size}`);
        assert.equal(each.broadcast, hash(first));
        assert.deepEqual(
          each.gathered,
          all.map((_, r) => [r, 1000 * r]),
        );
        assert.deepEqual(
          each.floats,
          all.flatMap((_, r) => [Math.fround(0.1), r]),
        );
      });
    }
  }).timeout(20_000);

  it('sums bfloat16 to three digits, the same on all ranks', async () => {
    const [a, b] = await inThreads(2, { isCompressed: true });
    assert.equal(a!.sum, b!.sum);
    const sum = expectedSum();
    assert.notEqual(a!.sum, hash(sum));
    a!.firstSum.forEach((value, i) => assert.ok(Math.abs(value / sum[i]! - 1) < 0.02, `${value} ${sum[i]!}`));
  });

  it('rounds to bfloat16 as IEEE 754 does: to the nearest, ties to even', () => {
    // 1 + 2^-8 lies halfway between 1 and 1 + 2^-7; 1 + 3 * 2^-8 between 1 + 2^-7 and 1 + 2^-6.
    const given = Float32Array.of(1, 1 + 2 ** -8, 1 + 3 * 2 ** -8, 1 + 2 ** -8 + 2 ** -20, -0, Infinity, NaN);
    const back = new Float32Array(given.length);
    fromBfloat16(toBfloat16(given), back);
    assert.deepEqual([...back], [1, 1, 1 + 2 ** -6, 1 + 2 ** -7, -0, Infinity, NaN]);
  });

  it('tells the rank that waits why another ended', async () => {
    const area = sharedArea(2);
    const opened = ThreadedCommunicator.open({ kind: 'threads', rank: 0, area });
    failIn(area, 'rank 1: it broke');
    await assert.rejects(opened, { message: 'rank 1: it broke' });
  });

  it('is alone where nothing else was started', async () => {
    assert.deepEqual(await single.gather('x'), ['x']);
    assert.equal(launched({}), undefined);
    assert.equal(launched({ OMPI_COMM_WORLD_RANK: '0', OMPI_COMM_WORLD_SIZE: '1' }), undefined);
  });

  it("knows each launcher by its variables, and refuses Slurm's without MPI", () => {
    const openMpi = { OMPI_COMM_WORLD_RANK: '2', OMPI_COMM_WORLD_SIZE: '4', OMPI_COMM_WORLD_LOCAL_RANK: '0' };
    assert.deepEqual(launched(openMpi), {
      ...{ launcher: "Open MPI's mpirun", rank: 2, size: 4, localRank: 0, families: ['openmpi', 'abi'] },
    });
    const slurm = { SLURM_PROCID: '1', SLURM_STEP_NUM_TASKS: '3', SLURM_LOCALID: '1' };
    assert.equal(launched({ ...slurm, PMIX_RANK: '1' })?.launcher, 'srun with pmix');
    assert.deepEqual(launched({ ...slurm, PMI_FD: '9', PMI_RANK: '1', PMI_SIZE: '3' })?.families, [
      'mpich',
      'abi',
    ]);
    assert.equal(launched({ PMI_RANK: '0', PMI_SIZE: '2', VERYDEEP_MPI: '/x.so' })?.file, '/x.so');
    assert.throws(() => launched(slurm), /pmix for Open MPI/);
  });
});

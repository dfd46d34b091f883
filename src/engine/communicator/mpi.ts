// The transport on MPI. All calls are made in the thread that initialised it.
import { UsageError, VerydeepError } from '../../errors.js';
import type { Launched } from './launcher.js';
import { type MpiLibrary, loadMpi } from './mpi-library.js';
import type { Transport } from './transport.js';

/** MPI_THREAD_FUNNELED: one thread makes all calls. Of the ABI of MPI 5 it is another number. */
const FUNNELED = { openmpi: 1, mpich: 1, abi: 1024 } as const;

export class MpiTransport implements Transport {
  readonly rank: number;
  readonly size: number;
  readonly version: string;
  readonly #mpi: MpiLibrary;

  /**
   * Initialises MPI.
   *
   * @throws UsageError if the library sees other ranks than the launcher started: it is not the launcher's
   */
  constructor({ families, file, rank, size, launcher }: Launched) {
    const mpi = loadMpi(families, file);
    this.#mpi = mpi;
    this.version = mpi.version;
    this.#call('MPI_Init_thread', null, null, FUNNELED[mpi.family], [0]);
    if (mpi.errorsReturn !== undefined) this.#call('MPI_Comm_set_errhandler', mpi.world, mpi.errorsReturn);
    const [ownRank, ownSize] = [[0], [0]];
    this.#call('MPI_Comm_rank', mpi.world, ownRank);
    this.#call('MPI_Comm_size', mpi.world, ownSize);
    this.rank = ownRank[0]!;
    this.size = ownSize[0]!;
    if (this.size !== size) {
      throw new UsageError(
        `Expected the MPI library of ${launcher}, which started ${size} ranks (this is rank ${rank}), but ${mpi.version} sees ${this.size}. Name the launcher's library in the environment variable VERYDEEP_MPI, or start with the launcher of this one.`,
      );
    }
  }

  #call(name: keyof MpiLibrary['functions'], ...args: readonly unknown[]): void {
    const { functions } = this.#mpi;
    const code = functions[name](...args);
    if (code === 0) return;
    const [text, length] = [Buffer.alloc(1024), [0]];
    functions.MPI_Error_string(code, text, length);
    throw new VerydeepError(`${name} failed: ${text.toString('latin1', 0, length[0])}.`);
  }

  alltoall(send: Uint8Array, receive: Uint8Array): void {
    const { byte, world } = this.#mpi;
    const slice = send.length / this.size;
    this.#call('MPI_Alltoall', send, slice, byte, receive, slice, byte, world);
  }

  allgather(send: Uint8Array, receive: Uint8Array): void {
    const { byte, world } = this.#mpi;
    this.#call('MPI_Allgather', send, send.length, byte, receive, send.length, byte, world);
  }

  broadcast(bytes: Uint8Array): void {
    this.#call('MPI_Bcast', bytes, bytes.length, this.#mpi.byte, 0, this.#mpi.world);
  }

  close(): void {
    this.#call('MPI_Barrier', this.#mpi.world);
    this.#call('MPI_Finalize');
  }
}

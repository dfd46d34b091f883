// MPI's functions, called through koffi: of Open MPI, of MPICH and its relatives, or of any library with the ABI of MPI 5.
import { VerydeepError, messageOf } from '../../errors.js';
import koffi from '../koffi.js';

/** A family of libraries, by how it hands out its handles. */
export type MpiFamily = 'openmpi' | 'mpich' | 'abi';

interface Handles {
  /** koffi's type of a handle. */
  readonly type: 'void *' | 'int' | 'intptr_t';
  /** The handle of the communicator of all ranks, that of bytes, and that of errors that are returned. */
  readonly world: string | number;
  readonly byte: string | number;
  /** Missing: errors end the process. */
  readonly errorsReturn?: string | number;
}

/** Names are of exported symbols. The numbers are those of the headers. */
const families: Readonly<Record<MpiFamily, Handles>> = {
  openmpi: {
    ...{ type: 'void *', world: 'ompi_mpi_comm_world', byte: 'ompi_mpi_byte' },
    errorsReturn: 'ompi_mpi_errors_return',
  },
  mpich: { type: 'int', world: 0x44000000, byte: 0x4c00010d, errorsReturn: 0x54000001 },
  abi: { type: 'intptr_t', world: 0x101, byte: 0x247 },
};

/** File names of each family's library. */
export const libraryNames: Readonly<Record<MpiFamily, readonly string[]>> = {
  abi: ['libmpi_abi.so.0', 'libmpi_abi.so'],
  openmpi: ['libmpi.so.40', 'libmpi.so'],
  mpich: ['libmpich.so.12', 'libmpi.so.12', 'libmpich.so'],
};

type Call = (...args: unknown[]) => number;

/** An MPI library, loaded; nothing is initialised. */
export interface MpiLibrary {
  readonly family: MpiFamily;
  /** What the library says of itself: "Open MPI v4.1.4, …". */
  readonly version: string;
  readonly world: unknown;
  readonly byte: unknown;
  readonly errorsReturn: unknown;
  readonly functions: Readonly<Record<keyof typeof signatures, Call>>;
}

/** Arguments of each function; H is a handle. */
const signatures = {
  MPI_Init_thread: ['void *', 'void *', 'int', '_Out_ int *'],
  MPI_Comm_rank: ['H', '_Out_ int *'],
  MPI_Comm_size: ['H', '_Out_ int *'],
  MPI_Comm_set_errhandler: ['H', 'H'],
  MPI_Error_string: ['int', 'char *', '_Out_ int *'],
  MPI_Alltoall: ['void *', 'int', 'H', 'void *', 'int', 'H', 'H'],
  MPI_Allgather: ['void *', 'int', 'H', 'void *', 'int', 'H', 'H'],
  MPI_Bcast: ['void *', 'int', 'H', 'int', 'H'],
  MPI_Barrier: ['H'],
  MPI_Finalize: [],
} as const;

/** MPICH needs more stack than koffi gives a call by default. */
const STACK = 2 ** 22;

/** To be called before this thread loads a library. */
const enlargeStack = (): void => {
  try {
    koffi.config({ ...koffi.config(), sync_stack_size: STACK, async_stack_size: STACK });
  } catch {
    // This thread has loaded a library already.
  }
};

/**
 * Loads an MPI library.
 *
 * @param wanted families, the preferred first
 * @param file a library that is taken instead, whatever its family
 * @throws VerydeepError that names what was tried
 */
export const loadMpi = (wanted: readonly MpiFamily[], file?: string): MpiLibrary => {
  enlargeStack();
  const names = file === undefined ? wanted.flatMap((family) => libraryNames[family]) : [file];
  const tried: string[] = [];
  for (const name of names) {
    try {
      return bind(koffi.load(name, { global: true }), name);
    } catch (error) {
      tried.push(messageOf(error));
    }
  }
  throw new VerydeepError(
    `Cannot load an MPI library: ${tried.join('; ')}. Install the one whose mpirun starts this, or name its file in the environment variable VERYDEEP_MPI.`,
  );
};

const bind = (library: ReturnType<typeof koffi.load>, name: string): MpiLibrary => {
  const [text, length] = [Buffer.alloc(8192), [0]];
  (library.func('int MPI_Get_library_version(char *text, _Out_ int *length)') as Call)(text, length);
  const version = text.toString('latin1', 0, length[0]).split(/[\n\0]/, 1)[0]!;
  const family = /abi/.test(name) ? 'abi' : /^Open MPI/.test(version) ? 'openmpi' : 'mpich';
  const handles = families[family];
  const handle = (of: string | number | undefined): unknown =>
    typeof of === 'string' ? (library.symbol(of) as unknown) : of;
  const functions = Object.fromEntries(
    Object.entries(signatures).map(([each, types]) => {
      const args = types.map((type, i) => `${type === 'H' ? handles.type : type} a${i}`);
      return [each, library.func(`int ${each}(${args.join(', ')})`) as Call];
    }),
  ) as MpiLibrary['functions'];
  return {
    ...{ family, version, functions },
    world: handle(handles.world),
    byte: handle(handles.byte),
    errorsReturn: handle(handles.errorsReturn),
  };
};

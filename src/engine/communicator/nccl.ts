// Sums by NCCL, NVIDIA's library for the GPUs of one machine or of several: in an order of its own, so not exact. Everything else goes by
// the transport that it is put on.
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { VerydeepError, messageOf } from '../../errors.js';
import koffi from '../koffi.js';
import { findTorch, isFound } from '../torch/find.js';
import { type Transport, MOST_BYTES } from './transport.js';

type Call = (...args: unknown[]) => unknown;

const ID_BYTES = 128;
const FLOAT32 = 7;
const SUM = 0;
const TO_DEVICE = 1;
const TO_HOST = 2;

/** NCCL's and CUDA's functions that are called, as C declares them. */
const declarations = {
  nccl: {
    ncclGetUniqueId: 'int ncclGetUniqueId(void *id)',
    ncclCommInitRank: 'int ncclCommInitRank(_Out_ void **comm, int ranks, ncclUniqueId id, int rank)',
    ncclAllReduce:
      'int ncclAllReduce(void *send, void *receive, size_t count, int type, int op, void *comm, void *stream)',
    ncclCommDestroy: 'int ncclCommDestroy(void *comm)',
    ncclGetErrorString: 'const char *ncclGetErrorString(int code)',
  },
  cuda: {
    cudaSetDevice: 'int cudaSetDevice(int device)',
    cudaMalloc: 'int cudaMalloc(_Out_ void **memory, size_t bytes)',
    cudaMemcpy: 'int cudaMemcpy(void *to, void *from, size_t bytes, int kind)',
    cudaDeviceSynchronize: 'int cudaDeviceSynchronize()',
    cudaFree: 'int cudaFree(void *memory)',
    cudaGetErrorString: 'const char *cudaGetErrorString(int code)',
  },
} as const;

type Functions<K extends keyof typeof declarations> = Readonly<Record<keyof (typeof declarations)[K], Call>>;

/** Where the libraries may lie: where the environment says, beside torch in its CUDA wheels' packages, where the system finds them. */
const candidates = (): Readonly<Record<'nccl' | 'cuda', string[]>> => {
  const { VERYDEEP_NCCL: nccl, VERYDEEP_CUDART: cuda } = process.env;
  const packages = findTorch()
    .filter(isFound)
    .map(({ library }) => join(dirname(library), '..', '..', 'nvidia'));
  const inPackages = (...paths: readonly string[]): string[] =>
    packages.flatMap((folder) => paths.map((path) => join(folder, path))).filter(existsSync);
  return {
    nccl: nccl ? [nccl] : [...inPackages('nccl/lib/libnccl.so.2'), 'libnccl.so.2'],
    cuda: cuda
      ? [cuda]
      : [
          ...inPackages('cu13/lib/libcudart.so.13', 'cuda_runtime/lib/libcudart.so.12'),
          ...['libcudart.so.13', 'libcudart.so.12'],
        ],
  };
};

const load = <K extends keyof typeof declarations>(which: K, files: readonly string[]): Functions<K> => {
  const tried: string[] = [];
  for (const file of files) {
    try {
      const library = koffi.load(file, { global: true });
      const functions = Object.entries(declarations[which]).map(
        ([name, declaration]) => [name, library.func(declaration)] as const,
      );
      return Object.fromEntries(functions) as unknown as Functions<K>;
    } catch (error) {
      tried.push(messageOf(error));
    }
  }
  throw new VerydeepError(
    `Cannot load ${which === 'nccl' ? 'NCCL' : "CUDA's runtime"}: ${tried.join('; ')}. It comes with PyTorch for CUDA (pip install torch), or name its file in the environment variable ${which === 'nccl' ? 'VERYDEEP_NCCL' : 'VERYDEEP_CUDART'}.`,
  );
};

let isDeclared = false;

export class NcclTransport implements Transport {
  readonly rank: number;
  readonly size: number;
  readonly #base: Transport;
  readonly #nccl: Functions<'nccl'>;
  readonly #cuda: Functions<'cuda'>;
  readonly #connection: unknown;
  /** A piece of the gradients in the GPU's memory. */
  readonly #memory: unknown;

  /** @param gpu index of the GPU of this rank: no two ranks of a host have the same */
  constructor(base: Transport, gpu: number) {
    this.#base = base;
    this.rank = base.rank;
    this.size = base.size;
    if (!isDeclared) koffi.struct('ncclUniqueId', { internal: koffi.array('uint8_t', ID_BYTES) });
    isDeclared = true;
    const files = candidates();
    this.#cuda = load('cuda', files.cuda);
    this.#nccl = load('nccl', files.nccl);
    this.#onGpu('cudaSetDevice', gpu);
    const id = new Uint8Array(ID_BYTES);
    if (this.rank === 0) this.#check('ncclGetUniqueId', id);
    base.broadcast(id);
    const [connection, memory]: [unknown[], unknown[]] = [[null], [null]];
    this.#check('ncclCommInitRank', connection, this.size, { internal: id }, this.rank);
    this.#onGpu('cudaMalloc', memory, MOST_BYTES);
    [this.#connection] = connection;
    [this.#memory] = memory;
  }

  #check(name: keyof Functions<'nccl'>, ...args: readonly unknown[]): void {
    const code = this.#nccl[name](...args) as number;
    if (code !== 0)
      throw new VerydeepError(`${name} failed: ${String(this.#nccl.ncclGetErrorString(code))}.`);
  }

  #onGpu(name: keyof Functions<'cuda'>, ...args: readonly unknown[]): void {
    const code = this.#cuda[name](...args) as number;
    if (code !== 0)
      throw new VerydeepError(`${name} failed: ${String(this.#cuda.cudaGetErrorString(code))}.`);
  }

  sum(data: Float32Array): void {
    const memory = this.#memory;
    for (let from = 0; from < data.length; from += MOST_BYTES / 4) {
      const piece = data.subarray(from, from + MOST_BYTES / 4);
      this.#onGpu('cudaMemcpy', memory, piece, piece.byteLength, TO_DEVICE);
      this.#check('ncclAllReduce', memory, memory, piece.length, FLOAT32, SUM, this.#connection, null);
      this.#onGpu('cudaDeviceSynchronize');
      this.#onGpu('cudaMemcpy', piece, memory, piece.byteLength, TO_HOST);
    }
  }

  alltoall(send: Uint8Array, receive: Uint8Array): void {
    this.#base.alltoall(send, receive);
  }

  allgather(send: Uint8Array, receive: Uint8Array): void {
    this.#base.allgather(send, receive);
  }

  broadcast(bytes: Uint8Array): void {
    this.#base.broadcast(bytes);
  }

  close(): void {
    this.#check('ncclCommDestroy', this.#connection);
    this.#onGpu('cudaFree', this.#memory);
    this.#base.close();
  }
}

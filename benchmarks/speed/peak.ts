// The machine's float32 peak: machine code of fused multiply-adds on registers, on all cores.
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads';
import { readFileSync } from 'node:fs';
import koffi from 'koffi';
import { VerydeepError } from '../../src/errors.js';

/** Independent accumulators, enough to hide the latency at two multiply-adds per cycle. Registers 14 and 15 hold the factors. */
const SUMS = 14;

/** `vxorps xmm_i, xmm_i, xmm_i`: sets a whole vector register to zero. */
const clear = (i: number): number[] => {
  const source = (~i & 15) << 3;
  const modrm = 0xc0 | ((i & 7) << 3) | (i & 7);
  return i < 8 ? [0xc5, 0x80 | source, 0x57, modrm] : [0xc4, 0x41, source, 0x57, modrm];
};

/** `vfmadd231ps r_i, r_14, r_15` on 512-bit registers (EVEX) or 256-bit ones (VEX). */
const multiplyAdd = (i: number, wide: boolean): number[] => {
  const notHigh = i < 8 ? 1 : 0;
  const modrm = 0xc0 | ((i & 7) << 3) | 7;
  const source = (~14 & 15) << 3;
  return wide
    ? [0x62, (notHigh << 7) | 0x52, source | 0x05, 0x48, 0xb8, modrm]
    : [0xc4, (notHigh << 7) | 0x42, source | 0x05, 0xb8, modrm];
};

/** A function `void f(uint64_t rounds)` for x86-64 on Linux and macOS: the loop of multiply-adds. */
const machineCode = (wide: boolean): Uint8Array => {
  const clears = Array.from({ length: 16 }, (_, i) => clear(i)).flat();
  const body = Array.from({ length: SUMS }, (_, i) => multiplyAdd(i, wide)).flat();
  const loop = [...body, 0x48, 0xff, 0xcf]; // dec rdi
  const jump = new Uint8Array(new Int32Array([-(loop.length + 6)]).buffer); // jnz back to the loop's start
  return Uint8Array.from([...clears, ...loop, 0x0f, 0x85, ...jump, 0xc5, 0xf8, 0x77, 0xc3]); // vzeroupper, ret
};

interface Measurement {
  readonly gflops: number;
}

const flags = (): string => {
  try {
    return /^flags\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? '';
  } catch {
    return '';
  }
};

const measureHere = (wide: boolean, milliseconds: number): Measurement => {
  const libc = koffi.load(null);
  const map = libc.func(
    'void *mmap(void *address, size_t length, int protection, int flags, int file, int64_t offset)',
  );
  const unmap = libc.func('int munmap(void *address, size_t length)');
  const length = 4096;
  const [readWriteExecute, privateAnonymous] = [7, 0x22];
  const address = map(null, length, readWriteExecute, privateAnonymous, -1, 0) as bigint;
  if (address === 2n ** 64n - 1n) throw new VerydeepError('The system gives no executable memory.');
  try {
    const code = machineCode(wide);
    new Uint8Array(koffi.view(address, length)).set(code);
    const call = koffi.decode(address, koffi.proto('void', ['uint64_t'])) as (rounds: number) => void;
    const rounds = 200_000; // Half a millisecond, so that some calls are not interrupted.
    const flops = 2 * SUMS * (wide ? 16 : 8) * rounds;
    call(rounds / 10);
    let gflops = 0;
    for (const end = performance.now() + milliseconds; performance.now() < end;) {
      const start = performance.now();
      call(rounds);
      gflops = Math.max(gflops, flops / (performance.now() - start) / 1e6);
    }
    return { gflops };
  } finally {
    unmap(address, length);
  }
};

/** The widest vectors of this CPU that the loop supports; undefined on ARM and Windows. */
export const vectorWidth = (): 'AVX-512' | 'AVX2' | undefined => {
  if (process.platform !== 'linux' || process.arch !== 'x64') return undefined;
  const has = flags();
  if (has.includes(' avx512f')) return 'AVX-512';
  return has.includes(' fma') && has.includes(' avx2') ? 'AVX2' : undefined;
};

/**
 * Peak in GFLOPS: the sum of the best rates of `threads` cores that compute at the same time.
 *
 * @returns undefined if the loop does not support this CPU
 */
export const measurePeak = async (threads: number, milliseconds = 1500): Promise<number | undefined> => {
  const width = vectorWidth();
  if (width === undefined) return undefined;
  const measure = () =>
    new Promise<number>((resolve, reject) => {
      const worker = new Worker(new URL(import.meta.url), {
        workerData: { peak: true, wide: width === 'AVX-512', milliseconds },
      });
      worker.on('message', ({ gflops }: Measurement) => resolve(gflops)).on('error', reject);
    });
  const each = await Promise.all(Array.from({ length: threads }, measure));
  return each.reduce((a, b) => a + b, 0);
};

const task = workerData as { peak?: boolean; wide: boolean; milliseconds: number } | null;
if (!isMainThread && task?.peak) parentPort!.postMessage(measureHere(task.wide, task.milliseconds));

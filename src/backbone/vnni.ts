// Whether the processor multiplies bytes and sums in 32 bits (VNNI and its like), which decides how wide weights may be.
import { readFileSync } from 'node:fs';
import type { WeightBits } from './quantise.js';

export interface Int8Support {
  /** 8, or 7: without such instructions two products are added in 16 bits, which 8-bit weights overflow. */
  readonly bits: WeightBits;
  /** In words, for `verydeep doctor`. */
  readonly reason: string;
}

const cpuFlags = (): ReadonlySet<string> => {
  try {
    const line = /^flags\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? '';
    return new Set(line.trim().split(/\s+/));
  } catch {
    return new Set();
  }
};

/** What int8 arithmetic this machine has. ARM's byte products never overflow; elsewhere VNNI must be seen. */
export const int8Support = (arch: string = process.arch, flags = cpuFlags()): Int8Support => {
  if (arch === 'arm64') return { bits: 8, reason: 'ARM: 8-bit weights' };
  const vnni = ['avx512_vnni', 'avx_vnni'].find((flag) => flags.has(flag));
  return vnni !== undefined
    ? { bits: 8, reason: `${vnni}: 8-bit weights at full speed` }
    : {
        bits: 7,
        reason: 'no VNNI seen: 7-bit weights, so that sums of two products do not overflow; slower',
      };
};

// All benchmarks by name.
import { expected, option, text } from '../src/errors.js';
import type { Benchmark } from './protocol/benchmark.js';
import { caltech101 } from './caltech101.js';
import { caltech256 } from './caltech256.js';
import { csv } from './csv.js';
import { folder } from './folder.js';
import type { ProtocolName } from './protocol/options.js';
import { voc2007Vissl } from './protocol/vissl.js';
import { voc2007 } from './voc2007.js';
import { voc2012Action } from './voc2012-action.js';
import { voc2012 } from './voc2012.js';

/** Every benchmark, in the order of the paper's tables. */
export const benchmarks: readonly Benchmark[] = [
  voc2007,
  voc2012,
  voc2012Action,
  caltech101,
  caltech256,
  folder,
  csv,
];

/**
 * The benchmark of that name.
 *
 * @throws UsageError that lists those there are, or for a protocol that this benchmark does not have
 */
export const benchmarkNamed = (name: string, protocol: ProtocolName = 'paper'): Benchmark => {
  const found = benchmarks.find((benchmark) => benchmark.name === name);
  if (!found) {
    throw expected(
      `one of ${benchmarks.map((benchmark) => benchmark.name).join(', ')}`,
      'the benchmark',
      name,
    );
  }
  if (protocol === 'paper') return found;
  if (found !== voc2007)
    throw expected(
      'the protocol paper',
      text`${option('protocol')} of ${name}`,
      protocol,
      'VISSL’s is for voc2007.',
    );
  return voc2007Vissl;
};

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { adviseHugePages } from '../../src/engine/pages.js';
import { sharedMemory } from '../../src/classifiers/solver/wasm.js';

const MAPS = '/proc/self/smaps';

/** Mappings of this process that the system was asked to back by huge pages. */
const advised = (): number => readFileSync(MAPS, 'utf8').match(/^VmFlags:.* hg\b/gm)?.length ?? 0;

describe('huge pages', () => {
  it('are asked for, and what the memory holds stays', function () {
    const { buffer } = sharedMemory(20 << 20);
    const numbers = new Float32Array(buffer);
    numbers.forEach((_, i) => (numbers[i] = i % 1000));
    const known = existsSync('/sys/kernel/mm/transparent_hugepage') && existsSync(MAPS);
    const before = known ? advised() : 0;
    const taken = adviseHugePages(buffer);
    assert.ok(numbers.every((value, i) => value === i % 1000));
    if (!known) return this.skip();
    assert.equal(taken, true);
    assert.equal(advised(), before + 1);
  });

  it('are not asked for where the memory is small', () => {
    assert.equal(adviseHugePages(sharedMemory(1 << 20).buffer), false);
    assert.equal(adviseHugePages(new SharedArrayBuffer(1 << 20)), false);
  });
});

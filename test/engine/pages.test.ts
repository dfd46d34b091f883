import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { adviseHugePages } from '../../src/engine/pages.js';
import { sharedMemory } from '../../src/webassembly.js';

const MAPS = '/proc/self/smaps';

/** Mappings of this process that the system was asked to back by huge pages. */
const advised = (): number => readFileSync(MAPS, 'utf8').match(/^VmFlags:.* hg\b/gm)?.length ?? 0;

describe('huge pages', () => {
  it('are asked for, and what the memory holds stays', function () {
    const { buffer } = sharedMemory(40 << 20);
    const numbers = new Float32Array(buffer);
    for (let i = 0; i < numbers.length; i += 1000) numbers[i] = i;
    const known = existsSync('/sys/kernel/mm/transparent_hugepage') && existsSync(MAPS);
    const before = known ? advised() : 0;
    const taken = adviseHugePages(buffer);
    for (let i = 0; i < numbers.length; i += 1000) assert.equal(numbers[i], i);
    if (!known) return this.skip();
    assert.equal(taken, true);
    assert.equal(advised(), before + 1);
  });

  it('are asked for within memory that does not start on a page', function () {
    if (!existsSync('/sys/kernel/mm/transparent_hugepage') || !existsSync(MAPS)) return this.skip();
    const before = advised();
    const numbers = new Float32Array(16 << 20);
    assert.equal(adviseHugePages(numbers.buffer), true);
    assert.equal(advised(), before + 1);
  });

  it('are not asked for where the memory is small', () => {
    assert.equal(adviseHugePages(sharedMemory(1 << 20).buffer), false);
    assert.equal(adviseHugePages(new SharedArrayBuffer(1 << 20)), false);
  });
});

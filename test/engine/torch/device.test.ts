import assert from 'node:assert/strict';
import { parseDevice } from '../../../src/engine/torch/device.js';

describe('devices of libtorch', () => {
  it("have PyTorch's names and libtorch's numbers (c10/core/DeviceType.h)", () => {
    assert.deepEqual(parseDevice('cpu'), { name: 'cpu', type: 0, index: 0 });
    assert.deepEqual(parseDevice('cuda'), { name: 'cuda:0', type: 1, index: 0 });
    assert.deepEqual(parseDevice('cuda:3'), { name: 'cuda:3', type: 1, index: 3 });
    assert.deepEqual(parseDevice('xpu:1'), { name: 'xpu:1', type: 12, index: 1 });
    assert.deepEqual(parseDevice('mps'), { name: 'mps:0', type: 13, index: 0 });
  });

  it('are refused by the option where there is no such name', () => {
    for (const name of ['', 'gpu', 'cuda:', 'cuda:-1', 'CUDA:0', 'cuda:0.5'])
      assert.throws(() => parseDevice(name), /mps or xpu for device but received/);
  });
});

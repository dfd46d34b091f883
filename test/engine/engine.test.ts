import assert from 'node:assert/strict';
import { outOfMemory, useEngine } from '../../src/engine/engine.js';
import { UsageError } from '../../src/errors.js';
import { withVariables } from '../support.js';

const usage = (pattern: RegExp) => (error: unknown) =>
  error instanceof UsageError && pattern.test(error.message);

describe('useEngine', () => {
  it('takes ONNX Runtime where there is no GPU, and computes', () =>
    withVariables({ VERYDEEP_ENGINE: 'auto', CUDA_VISIBLE_DEVICES: '-1' }, async () => {
      const engine = await useEngine({ threads: 2 });
      assert.equal(engine.name, 'onnxruntime');
      assert.match(engine.reason, /no NVIDIA GPU/);
      assert.equal(engine.tf.getBackend(), 'onnxruntime');
      engine.close();
    }));

  it('shares an open engine, refuses another beside it, and frees it with its last user', async () => {
    const first = await useEngine({ engine: 'onnxruntime', threads: 1 });
    const second = await useEngine({ engine: 'onnxruntime', threads: 1 });
    assert.equal(second, first);
    await assert.rejects(
      useEngine({ engine: 'onnxruntime', threads: 2 }),
      usage(/2 threads while onnxruntime with 1 threads is open/),
    );
    first.close();
    const registered = (): boolean => 'onnxruntime' in first.tf.engine().registry;
    assert.equal(registered(), true);
    second.close();
    assert.equal(registered(), false);
  });

  it('refuses unknown engines and numbers of threads, by name', async () => {
    await assert.rejects(useEngine({ engine: 'caffe' as 'auto' }), usage(/engine.*caffe/));
    await assert.rejects(useEngine({ threads: 0 }), usage(/threads/));
    await assert.rejects(
      useEngine({ engine: 'onnxruntime', compute: 'bfloat16' }),
      usage(/compute bfloat16 needs engine torch: engine onnxruntime computes in float32/),
    );
    await withVariables({ VERYDEEP_ENGINE: 'caffe' }, () =>
      assert.rejects(useEngine(), usage(/VERYDEEP_ENGINE.*caffe/)),
    );
  });
});

describe('outOfMemory', () => {
  it('names the batch to try', () => {
    const error = outOfMemory(new Error('OOM when allocating tensor with shape[256,64,224,224]'), 256);
    assert.match(error!.message, /batch of 256 images: try a batch of 128/);
    assert.match(outOfMemory(new Error('std::bad_alloc'), 1)!.message, /smaller input or a narrower net/);
  });

  it('leaves other errors alone', () => {
    assert.equal(outOfMemory(new Error('the zoom is out of range'), 8), undefined);
  });
});

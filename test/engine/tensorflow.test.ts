import assert from 'node:assert/strict';
import { describeAttempt } from '../../src/engine/engine.js';
import { type Importer, loadTensorFlow, tensorflowPackages } from '../../src/engine/tensorflow.js';
import { withVariables } from '../support.js';

const NAME = tensorflowPackages[0];

const failing = (message: string, code?: string): Importer => {
  const error = Object.assign(new Error(message), code === undefined ? {} : { code });
  return () => Promise.reject(error);
};

/** What loading fails with (messages as Node 20, dlopen and tfjs-node 4.22.0 word them), and what the user is told. */
const failures: readonly [string, Importer, reason: RegExp, fix: RegExp][] = [
  [
    'is missing',
    failing(`Cannot find package '${NAME}' imported from /x/tensorflow.js`, 'ERR_MODULE_NOT_FOUND'),
    /not installed/,
    /npm i @tensorflow\/tfjs-node-gpu/,
  ],
  [
    'finds no CUDA',
    failing(
      'libcudart.so.11.0: cannot open shared object file: No such file or directory',
      'ERR_DLOPEN_FAILED',
    ),
    /CUDA's libraries are missing/,
    /CUDA 11\.2 and cuDNN 8\.1/,
  ],
  [
    'has no addon',
    failing(
      'The Node.js native addon module (tfjs_binding.node) can not be found at path: /x/lib/napi-v8/tfjs_binding.node.',
    ),
    /library was not downloaded/,
    /npm rebuild @tensorflow\/tfjs-node-gpu/,
  ],
  [
    'finds no libtensorflow',
    failing(
      'libtensorflow.so.2: cannot open shared object file: No such file or directory',
      'ERR_DLOPEN_FAILED',
    ),
    /library was not downloaded/,
    /npm rebuild/,
  ],
  [
    'runs on a Node without util.isNullOrUndefined',
    failing('(0 , util_1.isNullOrUndefined) is not a function'),
    /does not run on Node/,
    /Use Node 20 or 22/,
  ],
  ['fails otherwise', failing('no luck today'), /no luck today/, /npm rebuild/],
  ['brings its own tfjs', () => Promise.resolve({ Tensor: Map }), /second copy/, /npm dedupe/],
];

describe('loading tfjs-node-gpu', () => {
  for (const [name, load, reason, fix] of failures) {
    it(`that ${name}: the reason and the fix`, async () => {
      const attempt = await loadTensorFlow(NAME, {}, load);
      assert.ok(!attempt.loaded);
      assert.match(attempt.reason, reason);
      assert.match(attempt.fix, fix);
      assert.match(describeAttempt(attempt), reason);
    });
  }

  it('chooses the GPU and lets memory grow, before the library is loaded', () =>
    withVariables({ CUDA_VISIBLE_DEVICES: undefined, TF_FORCE_GPU_ALLOW_GROWTH: undefined }, async () => {
      let seen: (string | undefined)[] = [];
      await loadTensorFlow(NAME, { gpu: 3 }, () => {
        const { CUDA_VISIBLE_DEVICES, TF_FORCE_GPU_ALLOW_GROWTH } = process.env;
        seen = [CUDA_VISIBLE_DEVICES, TF_FORCE_GPU_ALLOW_GROWTH];
        return Promise.reject(new Error('no luck today'));
      });
      assert.deepEqual(seen, ['3', 'true']);
    }));
});

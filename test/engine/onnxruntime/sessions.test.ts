import assert from 'node:assert/strict';
import { Sessions } from '../../../src/engine/onnxruntime/sessions.js';
import type { GraphBuilder } from '../../../src/engine/onnx.js';

describe('backend: sessions', () => {
  it('keeps those used last, and builds again what was closed', () => {
    const sessions = new Sessions(1, 2);
    const built: string[] = [];
    const use = (key: string): void => {
      sessions.get(key, (g: GraphBuilder) => {
        built.push(key);
        g.output(g.node('Neg', [g.input('x', 'float32', ['n'])]), 'float32', ['n']);
      });
    };
    try {
      for (const key of ['a', 'b', 'a', 'c', 'a', 'b', 'a']) use(key);
      assert.deepEqual(built, ['a', 'b', 'c', 'b']);
      assert.equal(sessions.size, 2);
    } finally {
      sessions.close();
    }
    assert.equal(sessions.size, 0);
  });
});

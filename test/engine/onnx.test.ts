// ONNX models written in pieces: constants that are asked for while the model is written.
import assert from 'node:assert/strict';
import { GraphBuilder, type StreamedTensor } from '../../src/engine/onnx.js';
import { Session } from '../../src/engine/session.js';
import { UsageError } from '../../src/errors.js';

const bytesOf = (...numbers: number[]): Uint8Array => new Uint8Array(Float32Array.from(numbers).buffer);

const adding = (constant: StreamedTensor): GraphBuilder => {
  const graph = new GraphBuilder();
  const x = graph.input('x', 'float32', [4]);
  graph.output(graph.node('Add', [x, graph.constant('c', constant)], {}, { name: 'y' }), 'float32', [4]);
  return graph;
};

describe('ONNX models', () => {
  it('are streamed with constants in any number of pieces, and run', async () => {
    const pieces = [bytesOf(1), bytesOf(2, 3), bytesOf(4)];
    const bytes = async function* () {
      yield* await Promise.resolve(pieces);
    };
    const graph = adding({ type: 'float32', dims: [4], length: 16, bytes });
    const model: Uint8Array[] = [];
    for await (const piece of graph.stream({ irVersion: 8, opset: 13, metadata: { a: 'b' } }))
      model.push(piece);
    const session = Session.create(Buffer.concat(model), { threads: 1 });
    const { y } = session.run({ x: { type: 'float32', dims: [4], data: Float32Array.of(10, 20, 30, 40) } });
    session.close();
    assert.deepEqual([...(y!.data as Float32Array)], [11, 22, 33, 44]);
    assert.throws(() => graph.model(), /streamed tensor c/);
  });

  it('of more than 2 GB are refused before anything is written', async () => {
    const bytes = (): AsyncIterable<Uint8Array> => assert.fail('nothing is asked for');
    const graph = adding({ type: 'float32', dims: [4], length: 3e9, bytes });
    await assert.rejects(
      graph.stream().next(),
      (error) => error instanceof UsageError && /at most 2 GB but received 3\.0 GB/.test(error.message),
    );
  });

  it('streamed without such constants are the bytes of the model', async () => {
    const graph = new GraphBuilder();
    graph.output(graph.node('Relu', [graph.input('x', 'float32', [1])], {}, { name: 'y' }), 'float32', [1]);
    const pieces: Uint8Array[] = [];
    for await (const piece of graph.stream()) pieces.push(piece);
    assert.deepEqual(Buffer.concat(pieces), Buffer.from(graph.model()));
  });
});

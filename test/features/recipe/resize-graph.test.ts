import assert from 'node:assert/strict';
import { GraphBuilder } from '../../../src/engine/onnx.js';
import { Session } from '../../../src/engine/session.js';
import { Arithmetic, resizeGraph, types } from '../../../src/features/recipe/resize-graph.js';
import { resample } from '../../../src/images/enlarge.js';
import { Random } from '../../../src/random.js';

const WIDE = [5, 24, 61] as const;
const HIGH = [40, 24, 7] as const;

/** A graph that resizes an image to each of three sizes. */
const graphOf = (interpolation: 'linear' | 'cubic' | 'mitchell' | 'lanczos2' | 'lanczos3'): Session => {
  const graph = new GraphBuilder();
  const math = new Arithmetic(graph);
  const pixels = graph.input('pixels', 'uint8', [3, 'height', 'width']);
  const shape = math.double(graph.node('Shape', [pixels]));
  const side = (axis: number) =>
    graph.node('Squeeze', [graph.node('Gather', [shape, graph.ints(axis)], { axis: 0 }), graph.ints(0)]);
  const number = (value: number) => graph.node('Cast', [graph.scalar(value)], { to: types.double });
  WIDE.forEach((width, i) => {
    const size = [number(width), number(HIGH[i]!)] as const;
    const resized = resizeGraph(graph, math, math.double(pixels), [side(2), side(1)], size, interpolation);
    graph.output(graph.node('Cast', [resized], { to: types.uint8 }, { name: `y${i}` }), 'uint8', [
      3,
      HIGH[i]!,
      width,
    ]);
  });
  return Session.create(graph.model(), { threads: 1 });
};

describe('features/recipe/resize-graph', () => {
  for (const interpolation of ['linear', 'cubic', 'mitchell', 'lanczos2', 'lanczos3'] as const) {
    it(`resizes byte for byte as the images are resized outside of a graph: ${interpolation}`, () => {
      const session = graphOf(interpolation);
      for (const [width, height] of [
        [31, 17],
        [24, 24],
        [5, 90],
        [1, 3],
      ] as const) {
        // prettier-ignore
        const random = new Random('resize', width, height);
        const data = Uint8Array.from({ length: 3 * width * height }, () => random.below(256));
        const planes = Uint8Array.from(data, (_, i) => data[3 * (i % (width * height)) + Math.floor(i / (width * height))]!); // prettier-ignore
        const result = session.run({ pixels: { type: 'uint8', dims: [3, height, width], data: planes } });
        WIDE.forEach((wide, i) => {
          const high = HIGH[i]!;
          const wanted = resample({ width, height, data }, wide, high, interpolation).data;
          const found = result[`y${i}`]!.data as Uint8Array;
          const count = wide * high;
          const turned = Uint8Array.from(wanted, (_, k) => wanted[3 * (k % count) + Math.floor(k / count)]!);
          assert.deepEqual(found, turned, `${width} × ${height} to ${wide} × ${high}`);
        });
      }
      session.close();
    });
  }
});

// transformers.js as a peer, installed into the benchmark's cache; it runs the same weights as a local model.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { copyFile, link, mkdir, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import type { Backbone } from '../../../src/backbone/nets/backbone.js';
import { float32Handler } from '../../../src/backbone/nets/graph.js';
import { interpret } from '../../../src/backbone/nets/interpret.js';
import { namedLayers } from '../../../src/backbone/nets/layer-names.js';
import { GraphBuilder } from '../../../src/engine/onnx.js';
import { messageOf } from '../../../src/errors.js';
import { PeerProcess } from '../peer-process.js';
import { cache } from './data.js';
import type { PeerQuestion, RunningPeer } from './peers.js';

const VERSION = '4.3.1';

/** transformers.js has no VGG. A model of type `vit` runs with any graph whose inputs and outputs have the right names. */
const CONFIG = { model_type: 'vit', architectures: ['ViTModel'] };

const PROGRAM = `
import { createInterface } from 'node:readline';
import { AutoModel, Tensor, env } from '@huggingface/transformers';
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const q = JSON.parse((await lines.next()).value);
env.allowRemoteModels = false;
env.localModelPath = q.models;
const session_options = { intraOpNumThreads: q.threads };
const net = await AutoModel.from_pretrained('vgg', { dtype: 'fp32', device: 'cpu', session_options });
const data = new Float32Array(3 * q.height * q.width).map(() => 255 * Math.random() - 128);
const pixel_values = new Tensor('float32', data, [1, 3, q.height, q.width]);
console.log('{}');
for await (const _ of lines) {
  const start = performance.now();
  const { last_hidden_state } = await net({ pixel_values });
  if (last_hidden_state.dims.join() !== '1,4096') throw new Error('not fc7');
  console.log(JSON.stringify(performance.now() - start));
}
`;

/** The dense net up to fc7 on float32 pixels with the mean subtracted; transformers.js does not feed bytes. */
const graphOf = (backbone: Backbone): Uint8Array => {
  const graph = new GraphBuilder();
  const pixels = graph.input('pixel_values', 'float32', ['batch', 'channels', 'height', 'width']);
  const { needed } = namedLayers(backbone.metadata.architecture, ['fc7']);
  const fc7 = interpret(needed, float32Handler(graph, backbone), pixels);
  const mean = graph.node('ReduceMean', [fc7, graph.ints(2, 3)], { keepdims: 0 });
  graph.output(graph.node('Identity', [mean], {}, { name: 'last_hidden_state' }), 'float32', ['batch', 4096]);
  return graph.model();
};

/** transformers.js on weights of the backbone; or the reason if it is not available. */
export const startTransformers = async (
  backbone: Backbone,
  question: PeerQuestion,
): Promise<RunningPeer<'transformers.js'> | string> => {
  const folder = join(cache, `transformers-${VERSION}`);
  const models = join(folder, 'models');
  const run = promisify(execFile);
  let peer: PeerProcess | undefined;
  try {
    if (!existsSync(join(folder, 'complete'))) {
      await rm(folder, { recursive: true, force: true });
      await mkdir(folder, { recursive: true });
      await writeFile(join(folder, 'package.json'), '{"type":"module","private":true}');
      const flags = ['--ignore-scripts', '--no-audit', '--no-fund'];
      await run('npm', ['install', ...flags, `@huggingface/transformers@${VERSION}`], { cwd: folder });
      await writeFile(join(folder, 'complete'), '');
    }
    await writeFile(join(folder, 'peer.js'), PROGRAM);
    const onnx = join(models, 'vgg', 'onnx');
    await rm(models, { recursive: true, force: true });
    await mkdir(onnx, { recursive: true });
    await writeFile(join(models, 'vgg', 'config.json'), JSON.stringify(CONFIG));
    await writeFile(join(onnx, 'model.onnx'), graphOf(backbone));
    const weights = join(onnx, basename(backbone.path));
    await link(backbone.path, weights).catch(() => copyFile(backbone.path, weights));
    const running = new PeerProcess({ program: process.execPath, args: ['peer.js'], cwd: folder });
    peer = running;
    await running.ask(JSON.stringify({ ...question, models }));
    return {
      version: VERSION,
      rounds: { 'transformers.js': () => running.ask<number>('round') },
      close: () => running.close(),
    };
  } catch (error) {
    await peer?.close();
    return `no transformers.js: ${messageOf(error).split('\n').slice(-2).join(' ')}`;
  } finally {
    await rm(models, { recursive: true, force: true });
  }
};

// Checkpoints as people save them: the net under any prefix, beside other tensors, among objects that are never built.
import { deepEqual, equal, ok, rejects } from 'node:assert/strict';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UsageError, VerydeepError } from '../../../../src/errors.js';
import { openBackbone } from '../../../../src/backbone/nets/backbone.js';
import { exportWeights } from '../../../../src/backbone/weights/exporters/export.js';
import { importWeights } from '../../../../src/backbone/weights/importers/import.js';
import { inputPresets } from '../../../../src/backbone/weights/importers/source.js';
import {
  type SafetensorsEntry,
  openSafetensors,
  writeSafetensors,
} from '../../../../src/formats/safetensors.js';
import { withFolder } from '../../../support.js';
import { weightFile } from './support.js';

/** The tensors of torchvision's VGG-11 in the fixture, under other names; undefined leaves one out. */
const renamed = async (rename: (name: string) => string | undefined): Promise<SafetensorsEntry[]> => {
  const file = await openSafetensors(weightFile('torchvision-vgg11.safetensors'));
  try {
    const entries: SafetensorsEntry[] = [];
    for (const [name, { shape }] of file.tensors) {
      const to = rename(name);
      if (to !== undefined) entries.push({ name: to, shape, data: await file.read(name) });
    }
    return entries;
  } finally {
    await file.close();
  }
};

const stray = (name: string, ...shape: number[]): SafetensorsEntry => ({
  name,
  shape,
  data: new Float32Array(shape.reduce((a, b) => a * b, 1)),
});

const importEntries = (entries: readonly SafetensorsEntry[], key?: string) =>
  withFolder(async (folder) => {
    const [path, out] = [join(folder, 'a.safetensors'), join(folder, 'out.safetensors')];
    await writeSafetensors(path, {}, entries);
    const metadata = await importWeights(path, out, key === undefined ? {} : { key });
    const backbone = await openBackbone(out);
    return { metadata, first: await backbone.read('conv1_1.weight'), names: [...backbone.tensors.keys()] };
  });

const plain = async () => importEntries(await renamed((name) => name));

describe('nets under any names', () => {
  for (const prefix of [
    'module.',
    'encoder.',
    'vgg.',
    'cnn.',
    'encoder.module.',
    'backbone.',
    '_orig_mod.module.',
    'a.b.',
  ]) {
    it(`finds the net under ${prefix}`, async () => {
      const found = await importEntries(await renamed((name) => prefix + name));
      deepEqual(found.first, (await plain()).first);
      equal(found.metadata.architecture.outputs, 10);
      equal(found.metadata.source?.['leftOut'], undefined);
    });
  }

  it('finds the net where only its features are wrapped', async () => {
    const found = await importEntries(await renamed((name) => name.replace('features.', 'features.module.')));
    deepEqual(found.first, (await plain()).first);
    equal(found.metadata.architecture.outputs, 10);
  });

  it('passes over tensors beside the net by name', async () => {
    const entries = [
      ...(await renamed((name) => `model.${name}`)),
      stray('criterion.weight', 10),
      stray('n_averaged', 1),
    ];
    const { metadata } = await importEntries(entries);
    deepEqual(metadata.source?.['leftOut'], ['criterion.weight', 'n_averaged']);
    equal(metadata.architecture.outputs, 10);
  });

  it("takes jcjohnson's names as nets of Oxford's preprocessing, and Caffe's too", async () => {
    const names: Readonly<Record<string, string>> = {
      'classifier.0': 'classifier.1',
      'classifier.3': 'classifier.4',
    };
    const johnson = await importEntries(
      await renamed((name) => name.replace(/^classifier\.\d/, (head) => names[head] ?? head)),
    );
    deepEqual(johnson.metadata.input, inputPresets.oxford);
    const modules = ['0', '3', '6', '8', '11', '13', '16', '18'];
    const caffe = ['conv1_1', 'conv2_1', 'conv3_1', 'conv3_2', 'conv4_1', 'conv4_2', 'conv5_1', 'conv5_2'];
    const heads: Readonly<Record<string, string>> = { '0': 'fc6', '3': 'fc7', '6': 'fc8' };
    const named = await importEntries(
      await renamed((name) =>
        name
          .replace(/^features\.(\d+)/, (_, n: string) => caffe[modules.indexOf(n)]!)
          .replace(/^classifier\.(\d)/, (_, n: string) => heads[n]!),
      ),
    );
    deepEqual(named.metadata.input, inputPresets.oxford);
    deepEqual(named.first, (await plain()).first);
    deepEqual((await plain()).metadata.input, inputPresets.torchvision);
  });

  it('takes nets as far as they are a VGG: without fc8, with another head, with another classifier', async () => {
    const without = await importEntries(
      await renamed((name) => (name.startsWith('classifier.6') ? undefined : name)),
    );
    equal(without.metadata.architecture.outputs, 0);
    ok(without.names.includes('fc7.weight') && !without.names.includes('fc8.weight'));
    const other = await importEntries([
      ...(await renamed((name) => (name.startsWith('classifier') ? undefined : name))),
      stray('classifier.fc1.weight', 9, 64),
      stray('classifier.fc2.weight', 3, 9),
    ]);
    equal(other.metadata.architecture.fullyConnected, 0);
    deepEqual(other.metadata.source?.['leftOut'], ['classifier.fc1.weight', 'classifier.fc2.weight']);
  });

  it('asks which of several nets', async () => {
    const both = [
      ...(await renamed((name) => `student.${name}`)),
      ...(await renamed((name) => `teacher.${name}`)),
    ];
    await rejects(importEntries(both), (error) => {
      ok(error instanceof UsageError);
      equal(error.option, 'key');
      ok(/student.*teacher/.test(error.message), error.message);
      return true;
    });
    equal((await importEntries(both, 'teacher')).metadata.architecture.outputs, 10);
    await rejects(importEntries(both, 'pupil'), UsageError);
  });

  it('refuses rows of modules that are numbered otherwise: the file does not say what lies between', async () => {
    const entries = await renamed((name) =>
      name.replace(/^features\.(\d+)/, (_, n: string) => `features.${Number(n) * 2}`),
    );
    await rejects(importEntries(entries), /conv2_1 under the number 3 .* but received features\.6/);
  });
});

describe('checkpoints of torch', () => {
  it('takes the weights of the last step unless a key says otherwise, and tells of the others', () =>
    withFolder(async (folder) => {
      const out = join(folder, 'x');
      const read = async (key?: string) => {
        const { source } = await importWeights(weightFile('torch-ema.pth'), out, { key, force: true });
        return { weight: await (await openBackbone(out)).read('conv1_1.weight'), left: source?.['leftOut'] };
      };
      const [last, average] = [await read(), await read('state_dict_ema')];
      deepEqual(last.left, ['state_dict_ema (another net)']);
      equal(average.left, undefined);
      ok(last.weight.some((value, i) => value !== average.weight[i]));
      await rejects(
        read('model'),
        /a key of .*torch-ema\.pth for key but received "model". It has state_dict, state_dict_ema/,
      );
    }));

  it('says what to save instead of a whole module or a program', () =>
    withFolder(async (folder) => {
      for (const name of ['module.pth', 'script.pt']) {
        await rejects(importWeights(weightFile(`hostile/${name}`), join(folder, 'x')), (error) => {
          ok(error instanceof UsageError);
          ok(
            error.message.includes('save model.state_dict()') && !error.message.includes('damaged'),
            error.message,
          );
          return true;
        });
      }
    }));

  it('says that torch itself cannot read what pickle_protocol=0 wrote', () =>
    withFolder(async (folder) => {
      for (const form of ['zip', 'legacy']) {
        await rejects(
          importWeights(weightFile(`hostile/protocol-0-${form}.pth`), join(folder, 'x')),
          /protocol-0-\w+\.pth was saved with pickle_protocol=0.*without pickle_protocol/,
        );
      }
    }));
});

describe('weights that are not finite', () => {
  /** A backbone file with a number replaced. */
  const spoilt = async (folder: string, value: number): Promise<string> => {
    const path = join(folder, 'net.safetensors');
    await importWeights(weightFile('torchvision-vgg11.safetensors'), path);
    const { offset } = (await openBackbone(path)).tensors.get('conv2_1.weight')!;
    const bytes = await readFile(path);
    bytes.writeFloatLE(value, offset + 8);
    await writeFile(path, bytes);
    return path;
  };

  it('are refused at import, naming the tensor', () =>
    withFolder((folder) =>
      rejects(
        importWeights(weightFile('hostile/nan.pth'), join(folder, 'x')),
        /finite numbers in the tensor features\.3\.bias of .*nan\.pth but received NaN/,
      ),
    ));

  for (const value of [NaN, Infinity, -Infinity]) {
    it(`are refused when a backbone is read, checked and exported (${value})`, () =>
      withFolder(async (folder) => {
        const path = await spoilt(folder, value);
        const backbone = await openBackbone(path);
        const message = /finite numbers in the tensor conv2_1\.weight of .*net\.safetensors/;
        await rejects(backbone.read('conv2_1.weight'), message);
        await rejects(backbone.sha256(), message);
        for (const format of ['torchvision', 'onnx', 'tfjs'] as const)
          await rejects(exportWeights(path, format, join(folder, 'out')), message);
      }));
  }
});

describe('files that are no weights', () => {
  const refused = (bytes: Uint8Array | string, ...words: string[]): Promise<void> =>
    withFolder(async (folder) => {
      const path = join(folder, 'vgg16.pth');
      await writeFile(path, bytes);
      await rejects(importWeights(path, join(folder, 'x')), (error) => {
        ok(error instanceof VerydeepError && !error.message.includes('damaged'), String(error));
        for (const word of words) ok(error.message.includes(word), `${word} in: ${error.message}`);
        return true;
      });
    });

  it('are called web pages in any case, after blanks, comments and marks of the encoding', async () => {
    for (const page of [
      '<html><head>',
      '<HTML>',
      '\n\n  <!doctype html>\n',
      '\uFEFF<!DOCTYPE HTML PUBLIC "-//W3C//DTD">',
      '<!-- saved --><html>',
      '<head><title>404</title>',
      Buffer.from('\uFEFF<html><body>', 'utf16le'),
      '<?xml version="1.0"?><!DOCTYPE html><html xmlns="http://www.w3.org/1999/xhtml">',
    ])
      await refused(page, 'a web page, not weights');
    for (const page of [
      '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code></Error>',
      '<Error><Code>NoSuchKey',
    ])
      await refused(page, 'an XML page, not weights');
    await refused('404: Not Found', 'a text, not weights', 'Not Found');
    await refused('BZh91AY&SY', 'bzip2');
  });

  it('and the file itself is no place to write to', () =>
    withFolder(async (folder) => {
      const path = join(folder, 'vgg11.safetensors');
      await copyFile(weightFile('torchvision-vgg11.safetensors'), path);
      const before = await readFile(path);
      await rejects(
        importWeights(path, path),
        (error) => error instanceof UsageError && error.option === 'out',
      );
      await rejects(importWeights(path, join(folder, '.', 'vgg11.safetensors')), UsageError);
      deepEqual(await readFile(path), before);
    }));
});

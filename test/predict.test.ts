import assert from 'node:assert/strict';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { extractionOf } from '../benchmarks/protocol/models.js';
import { openDescriptors } from '../benchmarks/protocol/descriptors.js';
import { labelsOf } from '../benchmarks/protocol/fit.js';
import { relativeTo } from '../src/classifiers/extraction.js';
import { saveModel } from '../src/classifiers/model-file.js';
import { decisionValues } from '../src/classifiers/model.js';
import { predictImages } from '../src/predict.js';
import { trainOneVsRest } from '../src/classifiers/train.js';
import { extractFeatures } from '../src/features/pipeline/extract.js';
import { pictures, randomBackbone, small } from './features/nets.js';
import { withFolder } from './support.js';

describe('predict', function () {
  this.timeout(120_000);

  it('gives images the scores that evaluation would, from the model file alone; bad images are skipped', () =>
    withFolder(async (folder) => {
      const items = await pictures(join(folder, 'photos'), 12);
      const nets = [join(folder, 'D.safetensors'), join(folder, 'E.safetensors')];
      await randomBackbone(nets[0]!, small({ config: 'D' }), 1);
      await randomBackbone(nets[1]!, small({ config: 'E' }), 2);
      const out = join(folder, 'features');
      await extractFeatures(items, nets, { scales: [32, 40], aggregate: 'stack' }, { out, threads: 1 });
      const descriptors = await openDescriptors([out]);
      const matrix = await descriptors.read(items);
      const model = await trainOneVsRest(matrix, labelsOf(['even', 'odd'], items), 1, { threads: 1 });
      const file = join(folder, 'model.safetensors');
      await saveModel(file, { ...model, extraction: relativeTo(folder, extractionOf(descriptors, nets)) });

      const bad = { id: 'bad.jpg', path: 'bad.jpg', source: { file: join(folder, 'bad.jpg') } };
      await writeFile(bad.source.file, 'not an image');
      const photos = [bad, ...items.slice(3, 8).reverse()];
      const { scores, skipped, photos: scored } = await predictImages(file, photos, { threads: 1 });
      const wanted = decisionValues(model, await descriptors.read(scored));
      assert.deepEqual([...scores.data], [...wanted.data]);
      assert.deepEqual(
        scored.map(({ id }) => id),
        photos.slice(1).map(({ id }) => id),
      );
      assert.deepEqual(
        skipped.map(({ id }) => id),
        ['bad.jpg'],
      );

      // Weights that moved are found by their checksum; without them the net is named.
      const moved = join(folder, 'moved.safetensors');
      await rename(nets[0]!, moved);
      await assert.rejects(predictImages(file, photos, { threads: 1 }), /weights of its net D .* backbone/);
      const again = await predictImages(file, photos, { threads: 1, backbones: [moved] });
      assert.deepEqual([...again.scores.data], [...scores.data]);
      await randomBackbone(nets[0]!, small({ config: 'D' }), 3);
      await assert.rejects(
        predictImages(file, photos, { threads: 1, backbones: [nets[0]!] }),
        /weights that .*model.safetensors was trained with/,
      );
    }));
});

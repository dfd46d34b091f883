// The kernel of a recipe: that of the nets' training, and a remark where another is asked for.
import { deepEqual, equal, match } from 'node:assert/strict';
import { join } from 'node:path';
import { extractFeatures } from '../../../src/features/pipeline/extract.js';
import { kernelRemark } from '../../../src/features/recipe/kernel-remark.js';
import { openNets } from '../../../src/features/pipeline/plan.js';
import { withFolder } from '../../support.js';
import { pictures, randomBackbone, small } from '../nets.js';
import { render } from '../../../src/errors.js';

describe('features/kernel-remark', () => {
  it("takes the kernel of the nets' training, and the default where they differ or say nothing", () =>
    withFolder(async (folder) => {
      const path = (name: string): string => join(folder, `${name}.safetensors`);
      for (const kernel of ['linear', 'cubic'] as const)
        await randomBackbone(path(kernel), small(), 1, { kernel });
      await randomBackbone(path('none'));
      const kernelOf = async (...names: string[]): Promise<string> =>
        (await openNets(names.map(path), {})).recipe.kernel;
      equal(await kernelOf('linear'), 'linear');
      equal(await kernelOf('cubic', 'cubic'), 'cubic');
      equal(await kernelOf('linear', 'cubic'), 'lanczos3');
      equal(await kernelOf('none'), 'lanczos3');

      const { backbones } = await openNets([path('linear')], {});
      equal(kernelRemark('linear', backbones), undefined);
      match(
        kernelRemark('lanczos3', backbones) ?? '',
        /^Images are resized with lanczos3; .* linear .* 0\.982\)\.$/,
      );
      equal(kernelRemark('lanczos3', (await openNets([path('none')], {})).backbones), undefined);

      const notices: string[] = [];
      const choice = { scales: [32], flip: false, kernel: 'cubic' } as const;
      await extractFeatures(await pictures(folder, 2), [path('linear')], choice, {
        out: join(folder, 'out'),
        onNotice: (notice) => notices.push(render(notice)),
      });
      deepEqual(notices, [kernelRemark('cubic', backbones)]);
    }));
});

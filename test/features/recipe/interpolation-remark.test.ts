// The interpolation of a recipe: that of the nets' training, and a remark where another is asked for.
import { deepEqual, equal, match } from 'node:assert/strict';
import { join } from 'node:path';
import { render } from '../../../src/errors.js';
import { extractFeatures } from '../../../src/features/pipeline/extract.js';
import { interpolationRemark } from '../../../src/features/recipe/interpolation-remark.js';
import { openNets } from '../../../src/features/pipeline/plan.js';
import { withFolder } from '../../support.js';
import { pictures, randomBackbone, small } from '../nets.js';

describe('features/interpolation-remark', () => {
  it("takes the interpolation of the nets' training, and the default where they differ or say nothing", () =>
    withFolder(async (folder) => {
      const path = (name: string): string => join(folder, `${name}.safetensors`);
      for (const interpolation of ['linear', 'cubic'] as const)
        await randomBackbone(path(interpolation), small(), 1, { interpolation });
      await randomBackbone(path('none'));
      const interpolationOf = async (...names: string[]): Promise<string> =>
        (await openNets(names.map(path), {})).recipe.interpolation;
      equal(await interpolationOf('linear'), 'linear');
      equal(await interpolationOf('cubic', 'cubic'), 'cubic');
      equal(await interpolationOf('linear', 'cubic'), 'lanczos3');
      equal(await interpolationOf('none'), 'lanczos3');

      const { backbones } = await openNets([path('linear')], {});
      equal(interpolationRemark('linear', backbones), undefined);
      match(
        interpolationRemark('lanczos3', backbones) ?? '',
        /^Images are resized with lanczos3; .* linear .* 0\.982\)\.$/,
      );
      equal(interpolationRemark('lanczos3', (await openNets([path('none')], {})).backbones), undefined);

      const notices: string[] = [];
      const choice = { scales: [32], flip: false, interpolation: 'cubic' } as const;
      await extractFeatures(await pictures(folder, 2), [path('linear')], choice, {
        out: join(folder, 'out'),
        onNotice: (notice) => notices.push(render(notice)),
      });
      deepEqual(notices, [interpolationRemark('cubic', backbones)]);
    }));
});

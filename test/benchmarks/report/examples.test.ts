import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { exampleSection } from '../../../benchmarks/report/examples.js';
import { html } from '../../../src/evaluation/report/html.js';
import { withFolder } from '../../support.js';
import { manyClasses, outcomeOf } from './outcomes.js';

const sectionOf = async (...args: Parameters<typeof exampleSection>): Promise<string> =>
  html`${await exampleSection(...args)}`.html;

/** An image that is 40 wide and 20 high as stored, and stands upright when it is turned. */
const turned = (): Promise<Buffer> =>
  sharp({ create: { width: 40, height: 20, channels: 3, background: '#cc0000' } })
    .withMetadata({ orientation: 6 })
    .jpeg()
    .toBuffer();

const withImage = <T>(use: (file: string) => Promise<T>): Promise<T> =>
  withFolder(async (folder) => {
    const file = join(folder, 'image.jpg');
    await writeFile(file, await turned());
    return use(file);
  });

describe('exampleSection', () => {
  const captions = (text: string, title: string): string[] => {
    const part = text.slice(text.indexOf(`aria-label="${title}"`)).split('</ul>')[0]!;
    return [...part.matchAll(/<figcaption>([\s\S]*?)<\/figcaption>/g)].map(([, caption]) =>
      caption!
        .replace(/<br \/>/g, ' | ')
        .replace(/\s+/g, ' ')
        .trim(),
    );
  };

  it('names the predicted class of the lowest scores, and of every image taken for another', () =>
    withImage(async (file) => {
      const cat = (first: number, second: number) => ({ labels: ['cat'], scores: [first, second], file });
      const rows = [cat(5, 0), cat(4, 4.5), cat(3, 0), cat(2, 0), cat(1, 0), cat(-1, 1)];
      const text = await sectionOf([outcomeOf(['cat', 'dog'], rows)], true, false);
      assert.deepEqual(captions(text, 'Highest scores: cat'), [
        'cat | score 5.00',
        'cat | predicted: dog | score 4.00',
        'cat | score 3.00',
        'cat | score 2.00',
      ]);
      assert.deepEqual(captions(text, 'Lowest scores of the class: cat'), [
        'cat | predicted: dog | score -1.00',
        'cat | predicted: cat | score 1.00',
      ]);
      assert.deepEqual(captions(text, 'Others taken for dog: dog'), ['cat | score 4.50', 'cat | score 1.00']);
      const own = text.slice(0, text.indexOf('Others taken for'));
      assert.equal(own.match(/<li class="bad">/g)?.length, 2);
      assert.equal(own.match(/<li class="good">/g)?.length, 4);
    }));

  it('names the class that scores highest where images have several labels', () =>
    withImage(async (file) => {
      const rows = [0, 1, 2, 3, 4].map((i) => ({ labels: ['cat'], scores: [-i, 0.5], file }));
      const text = await sectionOf([outcomeOf(['cat', 'dog'], rows)], false, false);
      assert.deepEqual(captions(text, 'Lowest scores of the class: cat'), [
        'cat | highest score: dog 0.50 | score -4.00',
      ]);
    }));

  for (const [orient, size] of [
    [false, [40, 20]],
    [true, [20, 40]],
  ] as const)
    it(`shows images ${orient ? 'upright where' : 'as stored unless'} the descriptors are of upright ones`, () =>
      withImage(async (file) => {
        const rows = [{ labels: ['cat'], scores: [1, 0], file }];
        const text = await sectionOf([outcomeOf(['cat', 'dog'], rows)], true, orient);
        const [, data] = /src="data:image\/jpeg;base64,([^"]+)"/.exec(text)!;
        const { width, height } = await sharp(Buffer.from(data!, 'base64')).metadata();
        assert.deepEqual([width, height], size);
      }));

  it('folds classes beyond thirty: the best and the worst first, the others together', () =>
    withImage(async (file) => {
      const folds = (text: string): string[] =>
        [...text.matchAll(/<summary>(.*?)<\/summary>/g)].map(([, title]) => title!);
      assert.deepEqual(folds(await sectionOf([manyClasses(30, 1, file)], true, false)), []);
      const [best, worst, others, ...more] = [
        ['class-032', 'class-018'],
        ['class-014', 'class-000'],
        ['3 more classes', 'class-015', 'class-016', 'class-017'],
      ];
      const titles = folds(await sectionOf([manyClasses(33, 1, file)], true, false));
      assert.equal(titles.length, 34);
      assert.deepEqual([titles[0], titles[14]], best);
      assert.deepEqual([titles[15], titles[29]], worst);
      assert.deepEqual([titles.slice(30), more], [others, []]);
    }));
});

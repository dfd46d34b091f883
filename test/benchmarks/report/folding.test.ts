// Charts of many classes name thirty of them; their tables have all.
import assert from 'node:assert/strict';
import type { Results } from '../../../benchmarks/protocol/results.js';
import { classSection } from '../../../benchmarks/report/classes.js';
import { comparisonRows, splitTable } from '../../../benchmarks/report/comparison.js';
import { confusionSection } from '../../../benchmarks/report/confusion.js';
import { precisionRecallSection } from '../../../benchmarks/report/curves.js';
import { ends } from '../../../benchmarks/report/folding.js';
import { type Content, html } from '../../../src/evaluation/report/html.js';
import { manyClasses } from './outcomes.js';

const [wide, table] = [/<div class="wide">[\s\S]*?<\/svg>/, /<table[\s\S]*?<\/table>/];
const text = (content: Content): string => html`${content}`.html;
const named = (part: string): string[] => [...new Set(part.match(/class-\d{3}/g))].sort();

describe('a report of many classes', () => {
  const outcome = manyClasses(102, 101);

  it('keeps both ends of a list', () => {
    assert.deepEqual(ends([1, 2, 3, 4, 5, 6], 4), [1, 2, 5, 6]);
    assert.deepEqual(ends([1, 2, 3, 4], 4), [1, 2, 3, 4]);
    assert.equal(ends([...Array(102).keys()]).length, 30);
  });

  it('draws bars of the 15 best and the 15 worst, and lists all', async () => {
    const { classes, perClass } = outcome;
    const split = { name: 'test', perClass } as unknown as Results['splits'][number];
    const section = text(await classSection({ classes, splits: [split] } as unknown as Results));
    const drawn = named(wide.exec(section)![0]);
    assert.deepEqual([drawn.length, drawn[14], drawn[15]], [30, 'class-014', 'class-087']);
    assert.equal(named(table.exec(section)![0]).length, 102);
    assert.match(section, /The best 15 and the worst 15 of 102 are drawn/);
  });

  it('names the classes most confused in the matrix, and gives the others one row', async () => {
    const section = text(await confusionSection([outcome]));
    const matrix = /<svg[\s\S]*?<\/svg>/.exec(section)![0];
    assert.equal(named(matrix).length, 29);
    assert.ok(named(matrix).includes('class-101') && named(matrix).includes('class-100'));
    assert.equal(matrix.match(/>73 other classes</g)?.length, 2);
    assert.match(section, /100 % of class-101 taken for class-100/);
  });

  it('draws thirty curves of precision over recall', async () => {
    const section = text(await precisionRecallSection(outcome));
    assert.equal(named(wide.exec(section)![0]).length, 30);
    assert.equal(named(table.exec(section)![0]).length, 102);
  });

  it('leaves thirty classes as they are', async () => {
    const section = text(await confusionSection([manyClasses(30, 1)]));
    assert.equal(named(/<svg[\s\S]*?<\/svg>/.exec(section)![0]).length, 30);
    assert.doesNotMatch(section, /other classes/);
  });
});

describe('a table of results', () => {
  const results = {
    mean: 50,
    std: 0,
    metric: 'meanClassRecall',
    chance: { meanClassRecall: 12.5, accuracy: 12.5 },
    splits: [{ name: 'split 1', train: 8, test: 9, figures: { meanClassRecall: 50, accuracy: 51 }, C: 1 }],
    published: [{ method: 'VGG D', mean: 89.3 }],
    backbones: [],
    svm: {},
    descriptors: { layer: 'fc7' },
  } as unknown as Results;

  it('has chance as its first row', () => {
    assert.deepEqual(
      comparisonRows(results).map(({ method, figure }) => [method, figure]),
      [
        ['chance', '12.5'],
        ['VGG D', '89.3'],
        ['this run, fc7', '50.0'],
      ],
    );
    assert.equal(comparisonRows({ ...results, chance: {} }).length, 2);
  });

  it('has chance below the splits', () => {
    const cells = [...text(splitTable(results)).matchAll(/<t[hd][^>]*>([^<]*)<\/t[hd]>/g)].map(
      ([, cell]) => cell,
    );
    assert.deepEqual(cells.slice(-7), ['chance', '–', '–', '12.5', '12.5', '–', '–']);
  });
});

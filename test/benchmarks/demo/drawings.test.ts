// Reading the emoji packages: joined by code point, joined by name, SVG files taken apart.
import assert from 'node:assert/strict';
import { artists } from '../../../benchmarks/demo/artists.js';
import { codeOf, conceptsOf, readConcepts } from '../../../benchmarks/demo/concepts.js';
import { type Drawing, readDrawings, takeApart } from '../../../benchmarks/demo/drawings.js';

describe('benchmarks/demo drawings', () => {
  let drawings: Drawing[];
  before(async function () {
    this.timeout(30_000);
    drawings = await readDrawings(await readConcepts());
  });

  it('joins code points without joiners and variation selectors', () => {
    assert.equal(codeOf('1F408-200D-2B1B'), '1f408-2b1b');
    assert.equal(codeOf('2764-FE0F'), '2764');
  });

  it('names concepts uniquely and drops skin tones', () => {
    const row = (hexcode: string, annotation: string, skintone = '') => ({
      hexcode,
      annotation,
      skintone,
      group: 'g',
      subgroups: 's',
    });
    const concepts = conceptsOf([
      row('1F44B', 'waving hand'),
      row('1F44B-1F3FB', 'waving hand: light skin tone', '1'),
      row('1F3FB', 'light skin tone'),
      row('2197', 'Piñata / up'),
      row('E000', 'same'),
      row('E001', 'Same!'),
    ]);
    assert.deepEqual(
      concepts.map(({ code, slug }) => [code, slug]),
      [
        ['1f44b', 'waving-hand'],
        ['2197', 'pinata-up'],
        ['e000', 'same-e000'],
        ['e001', 'same-e001'],
      ],
    );
  });

  it('takes an SVG file apart', () => {
    assert.deepEqual(takeApart('<?xml?><svg id="a" viewBox="0 1 36,37"><g>\n<path/></g></svg>'), {
      body: '<g>\n<path/></g>',
      viewBox: [0, 1, 36, 37],
    });
    assert.equal(takeApart('<svg width="3"><path/></svg>'), undefined);
    assert.equal(takeApart('<svg viewBox="0 0 3"><path/></svg>'), undefined);
  });

  it('finds the same concept in every package', () => {
    for (const code of ['1f419', '1f34e']) {
      const found = drawings.filter(({ concept }) => concept.code === code).map(({ artist }) => artist);
      assert.deepEqual(found, artists.map(({ name }) => name).sort(), code);
    }
    for (const { name } of artists) {
      const of = drawings.filter(({ artist }) => artist === name);
      assert.ok(of.length > 400, `${name}: ${of.length}`);
      assert.equal(new Set(of.map(({ concept }) => concept.code)).size, of.length, name);
    }
  });
});

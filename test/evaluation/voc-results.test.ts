import assert from 'node:assert/strict';
import fc from 'fast-check';
import { rank } from '../../src/evaluation/ranking.js';
import { parseResultFile, resultFile, untied } from '../../src/evaluation/voc-results.js';

describe('VOC result files', () => {
  it('writes an id and six decimals, with the object for persons', () => {
    assert.equal(
      resultFile([
        { id: '2008_000004', score: 0.25 },
        { id: '2008_000009', score: -1.5 },
      ]),
      '2008_000004 0.250000\n2008_000009 -1.500000\n',
    );
    assert.equal(resultFile([{ id: '2010_006088', object: 2, score: 1 }]), '2010_006088 2 1.000000\n');
  });

  it('scales scores that six decimals would make alike', () => {
    assert.deepEqual(untied([0.1234561, 0.1234562]), ['1.234561', '1.234562']);
  });

  it('puts equal scores a millionth apart in the order given, and missing ones last', () => {
    assert.deepEqual(untied([1, 1, 1, 0.5]), ['1.000000', '0.999999', '0.999998', '0.500000']);
    assert.deepEqual(untied([-Infinity, 2, -Infinity]), ['1.000000', '2.000000', '0.000000']);
    assert.deepEqual(untied([-Infinity, -Infinity]), ['0.000000', '-1.000000']);
  });

  it('keeps any ranking, without ties', () => {
    const score = fc.oneof(
      fc.float({ noNaN: true, noDefaultInfinity: true, min: -1000, max: 1000 }),
      fc.constantFrom(0, 1, -1, -Infinity),
    );
    fc.assert(
      fc.property(fc.array(score, { minLength: 1, maxLength: 80 }), (scores) => {
        const written = untied(scores);
        assert.equal(new Set(written).size, written.length);
        written.forEach((text) => assert.match(text, /^-?\d+\.\d{6}$/));
        assert.deepEqual([...rank(written.map(Number))], [...rank(scores)]);
      }),
      { seed: 2, numRuns: 500 },
    );
  });

  it('reads what it wrote', () => {
    const items = [
      { id: 'a', object: 1, score: 3 },
      { id: 'a', object: 2, score: -2 },
    ];
    const known = new Set(['a#1', 'a#2']);
    assert.deepEqual(
      [...parseResultFile(resultFile(items), 'f', known)],
      [
        ['a#1', 3],
        ['a#2', -2],
      ],
    );
  });

  for (const [what, text, message] of [
    ['an unknown id', 'a 1\nz 2\n', /f.txt, line 2.*"z"/],
    ['a repeated id', 'a 1\n\na 2\n', /f.txt, line 3 gives a a second score/],
    ['a score that is no number', 'a one\n', /f.txt, line 1.*"a one"/],
    ['a line without a score', 'a\n', /f.txt, line 1/],
  ] as const) {
    it(`refuses ${what} and names the line`, () => {
      assert.throws(() => parseResultFile(text, 'f.txt', new Set(['a'])), message);
    });
  }
});

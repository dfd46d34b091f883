import assert from 'node:assert/strict';
import { chart } from '../../../src/evaluation/report/chart.js';
import { bars, heatMap, lines, smallLines } from '../../../src/evaluation/report/charts.js';
import { SERIES } from '../../../src/evaluation/report/style.js';

const draw = async (spec: Parameters<typeof chart>[0]['spec'], title = 'A chart') =>
  (await chart({ title, description: 'What it shows.', spec })).html;

describe('chart', () => {
  it('draws lines as SVG with a description, in colours of the page, without addresses outside', async () => {
    const svg = await draw(
      lines(
        [
          { x: 0, y: 1, series: 'cat' },
          { x: 1, y: 0.5, series: 'cat' },
          { x: 0, y: 0.2, series: 'dog' },
          { x: 1, y: 0.1, series: 'dog' },
        ],
        { x: 'recall', y: 'precision', xDomain: [0, 1], yDomain: [0, 1] },
      ),
    );
    assert.match(svg, /role="img" aria-label="A chart. What it shows."/);
    assert.equal(
      svg.match(/stroke="var\(--series[12]\)"[^>]*d="|d="[^"]+"[^>]*stroke="var\(--series[12]\)"/g)?.length,
      8, // Line and legend of both, on wide pages and on narrow ones.
    );
    assert.deepEqual(svg.match(/(?:href|src)="(?!#)[^"]*"/g), null);
  });

  it('names every line in a legend, once, and dashes those beyond the colours', async () => {
    const names = Array.from({ length: SERIES + 2 }, (_, i) => `class ${i}`);
    const points = names.flatMap((series, i) => [0, 1].map((x) => ({ x, y: x * i, series })));
    for (const marked of [false, true]) {
      const drawings = lines(points, { x: 'x', y: 'y', points: marked });
      for (const svg of [await draw(drawings.wide), await draw(drawings.narrow)]) {
        const legend = svg.slice(svg.indexOf('role-legend'));
        assert.deepEqual(
          names.map((name) => legend.split(`>${name}<`).length - 1),
          names.map(() => 1),
        );
        const drawn = svg.match(/<path aria-label="[^"]*"[^>]* d="M[^"]*L[^>]*>/g) ?? [];
        assert.deepEqual(
          drawn.map((path) => /stroke-dasharray="([^"]*)"/.exec(path)?.[1]),
          names.map((_, i) => (i < SERIES ? '1,0' : '6,3')),
        );
      }
    }
  });

  it('puts a line where its figures are', async () => {
    const svg = await draw(
      lines(
        [
          { x: 0, y: 0 },
          { x: 10, y: 1 },
        ],
        { x: 'x', y: 'y', xDomain: [0, 10], yDomain: [0, 1], width: 200, height: 100 },
      ),
    );
    assert.match(svg, /d="M0,100L200,0"/);
  });

  it('draws bars with their intervals, longest first', async () => {
    const svg = await draw(
      bars(
        [
          { name: 'short', value: 10, low: 5, high: 20 },
          { name: 'long', value: 90, low: 80, high: 95 },
        ],
        { x: 'AP, %', xDomain: [0, 100] },
      ),
    );
    assert.ok(svg.indexOf('>long<') < svg.indexOf('>short<'));
  });

  it('writes a label of a few words whole', async () => {
    const name = 'trained net, three scales stacked';
    const svg = await draw(bars([{ name, value: 22 }], { x: 'recall, %', xDomain: [0, 30] }));
    assert.ok(svg.includes(`>${name}<`), svg);
  });

  it('writes the share of each cell of a small heat map', async () => {
    const names = ['cat', 'dog & co'];
    const svg = await draw(
      heatMap(
        [
          { row: 'cat', column: 'cat', value: 0.75 },
          { row: 'cat', column: 'dog & co', value: 0.25 },
        ],
        { names, row: 'true', column: 'predicted' },
      ),
    );
    assert.match(svg, />75%</);
    assert.match(svg, />25%</);
    assert.match(svg, /dog &amp; co/);
  });

  it('does not share ids with another chart of the page, and is the same twice', async () => {
    const spec = lines(
      [
        { x: 0, y: 0 },
        { x: 1, y: 1 },
      ],
      { x: 'x', y: 'y', xDomain: [0, 1], yDomain: [0, 1] },
    );
    const idsOf = (svg: string) => [...svg.matchAll(/ id="([^"]+)"/g)].map((match) => match[1]);
    const [one, two, again] = [await draw(spec, 'One'), await draw(spec, 'Two'), await draw(spec, 'One')];
    assert.ok(idsOf(one).length > 0);
    assert.deepEqual(
      idsOf(one).filter((id) => idsOf(two).includes(id)),
      [],
    );
    assert.equal(one, again);
  });

  it('has a drawing for pages of 400 pixels, with text of at least 10', async () => {
    const names = ['a name of twenty-five letters', 'b', 'c', 'd', 'e', 'f'];
    const points = names.flatMap((series) => [0.01, 1, 90].map((x) => ({ x, y: x, series })));
    for (const spec of [
      lines(points, { x: 'C', y: 'mean class recall, %', logarithmic: true, points: true }),
      bars(
        names.map((name, i) => ({ name, value: 10 * i, low: i, high: 100 })),
        { x: 'AP, %' },
      ),
      smallLines(points, { x: 'recall', y: 'precision', xDomain: [0, 1], yDomain: [0, 1] }),
    ]) {
      const html = await draw(spec);
      const narrow = html.slice(html.indexOf('<div class="narrow">'));
      assert.ok(Number(/<svg[^>]* width="([\d.]+)"/.exec(narrow)![1]) <= 352);
      const sizes = [...narrow.matchAll(/font-size="([\d.]+)px"/g)].map(([, size]) => Number(size));
      assert.ok(sizes.length > 5 && Math.min(...sizes) >= 10, sizes.join());
      for (const name of names) assert.ok(narrow.includes(`>${name}<`), name);
    }
  });
});

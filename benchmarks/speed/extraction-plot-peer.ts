// Draws the rows of `npm run bench -- extraction-scale --json` (a file, the first argument) as docs/extraction-scale.svg.
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { SpeedReport } from './row.js';

interface Point {
  readonly x: number;
  readonly seconds: number;
}

const [SIDE, LEFT, TOP, GAP] = [220, 60, 40, 90];

const panel = (title: string, axis: string, points: readonly Point[], index: number): string => {
  const x0 = LEFT + index * (SIDE + GAP);
  const [mostX, mostY] = [
    Math.max(...points.map(({ x }) => x)),
    Math.max(...points.map(({ seconds }) => seconds)),
  ];
  const at = ({ x, seconds }: Point): [number, number] => [
    Math.round(x0 + (SIDE * x) / mostX),
    Math.round(TOP + SIDE - (SIDE * seconds) / mostY),
  ];
  const text = (x: number, y: number, anchor: string, words: string): string =>
    `<text x="${x}" y="${y}" text-anchor="${anchor}">${words}</text>`;
  return [
    text(x0 + SIDE / 2, TOP - 16, 'middle', title),
    `<path d="M${x0} ${TOP}V${TOP + SIDE}H${x0 + SIDE}" fill="none" stroke="#666"/>`,
    `<polyline points="${points.map((point) => at(point).join()).join(' ')}" fill="none" stroke="#06c" stroke-width="2"/>`,
    ...points.flatMap((point) => {
      const [x, y] = at(point);
      return [
        `<circle cx="${x}" cy="${y}" r="4" fill="#06c"><title>${point.x} ${axis}: ${point.seconds.toFixed(1)} s</title></circle>`,
        text(x, TOP + SIDE + 18, 'middle', String(point.x)),
      ];
    }),
    text(x0 - 8, TOP + 5, 'end', `${mostY.toFixed(0)} s`),
    text(x0 - 8, TOP + SIDE, 'end', '0'),
    text(x0 + SIDE / 2, TOP + SIDE + 38, 'middle', axis),
  ].join('\n');
};

const { rows } = JSON.parse(await readFile(process.argv[2]!, 'utf8')) as SpeedReport;
const runs = rows.map((row) => {
  const [, images, scales, shards] = /^(\d+) images, scales ([\d ]+), (\d+) shard/.exec(row.case)!;
  return {
    images: Number(images),
    scales: scales!.split(' ').length,
    shards: Number(shards),
    seconds: row.ours!,
  };
});
// The three series stand one after the other: images, then scales from one on, then shards from one on.
const firstScales = runs.findIndex((run, i) => i > 0 && run.images < runs[i - 1]!.images);
const lastScales = runs.findLastIndex(({ scales }) => scales > 1);
const width = LEFT + 3 * SIDE + 2 * GAP + 30;
const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${TOP + SIDE + 50}" font-family="sans-serif" font-size="13" fill="#333">
<rect width="100%" height="100%" fill="#fff"/>
${[
  panel(
    'time against images, one scale',
    'images',
    runs.slice(0, firstScales).map((run) => ({ x: run.images, ...run })),
    0,
  ),
  panel(
    'against scales',
    'scales',
    runs.slice(firstScales, lastScales + 1).map((run) => ({ x: run.scales, ...run })),
    1,
  ),
  panel(
    'of the longest shard',
    'shards',
    runs.slice(lastScales + 1).map((run) => ({ x: run.shards, ...run })),
    2,
  ),
].join('\n')}
</svg>
`;
await writeFile(fileURLToPath(new URL('../../../docs/extraction-scale.svg', import.meta.url)), svg);

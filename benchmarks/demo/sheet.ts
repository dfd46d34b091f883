// The demo in one picture: test images with their predictions, beside bars of the results.
import { readFile } from 'node:fs/promises';
import sharp from 'sharp';
import type { DemoResults, ResultRow } from './results.js';
import type { Sample } from './samples.js';
import { protocols } from './settings.js';

const COLUMNS = 6;
/** Sizes in pixels of the picture. */
const [IMAGE, CELL_WIDTH, CELL_HEIGHT, MARGIN, CHART_WIDTH] = [80, 112, 118, 16, 380];
const [RIGHT, WRONG, INK, QUIET] = ['#1a7f37', '#b3261e', '#1f2328', '#59636e'];

const escape = (text: string): string => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);

const text = (x: number, y: number, content: string, attributes: string): string =>
  `<text x="${x}" y="${y}" font-family="DejaVu Sans, Arial, sans-serif" ${attributes}>${escape(content)}</text>`;

const words = (slug: string): string => {
  const name = slug.replaceAll('-', ' ');
  return name.length > 16 ? `${name.slice(0, 15)}…` : name;
};

const cell = async (sample: Sample, i: number): Promise<string> => {
  const x = MARGIN + (i % COLUMNS) * CELL_WIDTH;
  const y = MARGIN + Math.floor(i / COLUMNS) * CELL_HEIGHT;
  const data = (await readFile(sample.file)).toString('base64');
  const left = x + (CELL_WIDTH - IMAGE) / 2;
  const colour = sample.right ? RIGHT : WRONG;
  const middle = `text-anchor="middle" font-size="9.5"`;
  return [
    `<image x="${left}" y="${y}" width="${IMAGE}" height="${IMAGE}" href="data:image/png;base64,${data}"/>`,
    `<rect x="${left}" y="${y}" width="${IMAGE}" height="${IMAGE}" fill="none" stroke="${colour}" stroke-width="2"/>`,
    text(x + CELL_WIDTH / 2, y + IMAGE + 14, words(sample.scores[0]!.name), `${middle} fill="${colour}"`),
    ...(sample.right
      ? []
      : [
          text(x + CELL_WIDTH / 2, y + IMAGE + 26, `not ${words(sample.truth)}`, `${middle} fill="${QUIET}"`),
        ]),
  ].join('');
};

const barsOf = (title: string, rows: readonly ResultRow[], x: number, y: number): string => {
  const most = Math.max(...rows.map(({ meanClassRecall, std }) => meanClassRecall + std));
  const [height, labels] = [26, 150];
  const scale = (CHART_WIDTH - labels - 60) / most;
  return [
    text(x, y, title, `font-size="13" font-weight="bold" fill="${INK}"`),
    ...rows.map(({ name, meanClassRecall, std }, i) => {
      const top = y + 12 + i * height;
      const width = meanClassRecall * scale;
      const middle = top + height / 2 - 2;
      return [
        text(x + labels - 8, middle + 4, name, `font-size="11" text-anchor="end" fill="${INK}"`),
        `<rect x="${x + labels}" y="${top}" width="${width.toFixed(1)}" height="${height - 6}" fill="${name.startsWith('trained') ? '#2f6db5' : '#a9b4c0'}"/>`,
        `<path d="M${(x + labels + width - std * scale).toFixed(1)} ${middle}h${(2 * std * scale).toFixed(1)}" stroke="${INK}" stroke-width="1.5"/>`,
        text(
          x + labels + width + std * scale + 6,
          middle + 4,
          meanClassRecall.toFixed(1),
          `font-size="11" fill="${INK}"`,
        ),
      ].join('');
    }),
  ].join('');
};

/** The picture as PNG of a reduced palette. */
export const sheetOf = async (
  results: Pick<DemoResults, 'rows' | 'subgroups'>,
  samples: readonly Sample[],
): Promise<Buffer> => {
  const rows = Math.ceil(samples.length / COLUMNS);
  const width = 3 * MARGIN + COLUMNS * CELL_WIDTH + CHART_WIDTH;
  const height = MARGIN + rows * CELL_HEIGHT;
  const x = 2 * MARGIN + COLUMNS * CELL_WIDTH;
  const cells = await Promise.all(samples.map(cell));
  const { concepts, subgroups } = protocols;
  const svg = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">`,
    '<rect width="100%" height="100%" fill="#fff"/>',
    ...cells,
    barsOf(`${concepts.classes} unseen concepts`, results.rows, x, MARGIN + 14),
    barsOf(`${subgroups.classes} unseen subgroups`, results.subgroups.rows, x, MARGIN + 204),
    text(
      x,
      MARGIN + 388,
      'Mean class recall in percent, three random splits;',
      `font-size="11" fill="${QUIET}"`,
    ),
    text(x, MARGIN + 404, 'lines: one standard deviation to each side', `font-size="11" fill="${QUIET}"`),
    '</svg>',
  ].join('\n');
  return sharp(Buffer.from(svg)).png({ palette: true, colours: 256, effort: 10 }).toBuffer();
};

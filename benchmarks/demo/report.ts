// The demo's report: both tables, the training curve, test images with their scores, credits, how it was made.
import { readFile } from 'node:fs/promises';
import { code, facts } from '../../src/evaluation/report/facts.js';
import { chart } from '../../src/evaluation/report/chart.js';
import { bars, lines } from '../../src/evaluation/report/charts.js';
import { type Content, type Html, html } from '../../src/evaluation/report/html.js';
import { page } from '../../src/evaluation/report/page.js';
import { table } from '../../src/evaluation/report/table.js';
import { thumbnails } from '../../src/evaluation/report/thumbnails.js';
import { artists } from './artists.js';
import { type DemoResults, type ResultRow, textTable } from './results.js';
import type { Sample } from './samples.js';
import { protocols, scales } from './settings.js';

const words = (slug: string): string => slug.replaceAll('-', ' ');

const resultTable = (caption: string, rows: readonly ResultRow[]): Html =>
  table({
    caption,
    columns: [
      { title: 'Descriptor', value: ({ title }) => title },
      { title: 'Mean class recall', value: ({ meanClassRecall }) => meanClassRecall, digits: 1 },
      { title: 'Standard deviation', value: ({ std }) => std, digits: 1 },
    ],
    rows,
    ours: ({ name }) => name.startsWith('trained'),
  });

const resultChart = (title: string, rows: readonly ResultRow[]): Promise<Html> =>
  chart({
    title,
    description: rows.map((row) => `${row.title}: ${row.meanClassRecall.toFixed(1)} %`).join('; '),
    spec: bars(
      rows.map(({ title: name, meanClassRecall: value, std }) => ({
        name,
        value,
        low: Math.max(0, value - std),
        high: value + std,
      })),
      { x: 'mean class recall, %' },
    ),
  });

const meaning = (results: DemoResults): Html => {
  const { sizes } = results;
  return html`<p>
      The net learned ${sizes['pretrain']?.classes} concepts of ${sizes['pretrainSubgroups']?.classes}
      subgroups (faces, people, places, games, symbols) from ${sizes['pretrain']?.images} drawings. Its
      descriptors were then tested on animals, food and objects, none of which it had seen: linear SVMs
      learned from ${protocols.concepts.trainPerClass} drawings of each of ${protocols.concepts.classes}
      concepts and were asked to name other artists' drawings of the same concepts, and from
      ${protocols.subgroups.trainPerClass} drawings of each of ${protocols.subgroups.classes} subgroups to
      name the subgroup of concepts they had no drawing of.
    </p>
    <p>
      Every drawing stands in one scene, at an angle, place, size and before a background of its own. What the
      trained net gains over raw pixels and over itself untrained is above all learned invariance: it has
      learned to disregard pose, background and the artist's hand. How much of it is semantic knowledge, the
      figures do not tell. The settings were chosen while looking at the figures of seed 1, which are
      therefore optimistic.
    </p>`;
};

const curve = async ({ training }: DemoResults): Promise<Content> => {
  const points = training.flatMap(({ epoch, trainTop1Error, validationTop1Error }) => [
    { x: epoch, y: trainTop1Error, series: 'training drawings' },
    ...(validationTop1Error === undefined
      ? []
      : [{ x: epoch, y: validationTop1Error, series: 'held-out drawings' }]),
  ]);
  const last = training.at(-1);
  return [
    await chart({
      title: 'Error while training',
      description: last
        ? `After ${last.epoch} epochs ${last.trainTop1Error.toFixed(1)} % of the training drawings and ${last.validationTop1Error?.toFixed(1) ?? '–'} % of the held-out ones are taken for another concept.`
        : '',
      spec: lines(points, { x: 'epoch', y: 'top-1 error, %' }),
    }),
    await chart({
      title: 'Loss while training',
      description: `Cross-entropy on the concept plus cross-entropy on the subgroup, ${training[0]?.loss.toFixed(2) ?? '–'} in the first epoch, ${last?.loss.toFixed(2) ?? '–'} in the last.`,
      spec: lines(
        training.map(({ epoch, loss }) => ({ x: epoch, y: loss })),
        { x: 'epoch', y: 'loss' },
      ),
    }),
  ];
};

const samplesOf = async (samples: readonly Sample[]): Promise<Html> =>
  thumbnails(
    'Test images with their best scores',
    await Promise.all(
      samples.map(async ({ file, path, truth, scores, right }) => ({
        image: await readFile(file),
        alt: `${path}, shows ${words(truth)}`,
        caption: [
          html`<strong>${words(truth)}</strong>`,
          scores.map(({ name, score }) => html`<br />${words(name)} ${score.toFixed(2)}`),
        ],
        verdict: right ? ('good' as const) : ('bad' as const),
      })),
    ),
  );

/** Who drew what, under which licence. */
const credits = (): Html =>
  html`<ul>
    ${artists.map(
      ({ title, by, licence, licenceUrl, url }) =>
        html`<li><a href="${url}">${title}</a> by ${by}, <a href="${licenceUrl}">${licence}</a></li>`,
    )}
  </ul>`;

const making = (results: DemoResults): Content => [
  code('npm run demo'),
  facts({
    Machine: results.machine,
    Engine: results.engine,
    Seed: results.seed,
    Scales: `${scales.single.join(', ')}; ${scales.multiple.join(', ')} pixels`,
    Backbone: results.backbone,
    'Backbone before training': results.untrainedBackbone,
    Seconds: Object.entries(results.seconds)
      .map(([stage, seconds]) => `${stage} ${seconds.toFixed(0)}`)
      .join(', '),
    Versions: Object.entries(results.versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(', '),
  }),
  code(textTable(results)),
];

/** The report as one HTML file. */
export const reportOf = async (results: DemoResults, samples: readonly Sample[]): Promise<string> => {
  const best = results.rows.find(({ name }) => name === 'trained-multiscale');
  return page({
    title: 'The demo: a small VGG net on emoji',
    summary: html`<p>
      Mean class recall on ${protocols.concepts.classes} unseen concepts:
      <strong>${best?.meanClassRecall.toFixed(1)} %</strong> by the trained net's descriptors at three scales.
    </p>`,
    sections: [
      {
        title: protocols.concepts.title,
        body: [
          resultTable(
            '100 concepts, 3 drawings of each to learn from, percent over 3 random splits',
            results.rows,
          ),
          await resultChart('Unseen concepts by descriptor', results.rows),
        ],
      },
      {
        title: protocols.subgroups.title,
        body: [
          resultTable(
            '16 subgroups, 30 drawings of each to learn from, tested on other concepts, percent over 3 random splits',
            results.subgroups.rows,
          ),
          await resultChart('Unseen subgroups by descriptor', results.subgroups.rows),
        ],
      },
      { title: 'What it shows and what not', body: meaning(results) },
      { title: 'Training', body: await curve(results) },
      {
        title: 'Test images',
        body: [
          html`<p>
            Test images of the first split, rendered from drawings of the artists credited below: what each
            shows, and the three classes with the highest decision values of their SVMs.
          </p>`,
          await samplesOf(samples),
        ],
      },
      { title: 'Credits', body: [html`<p>The drawings are by:</p>`, credits()] },
      { title: 'How it was made', body: making(results) },
    ],
  });
};

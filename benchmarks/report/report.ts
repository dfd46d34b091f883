// The report of a benchmark as one HTML file: the results beside published ones, and how they were computed.
import type { Content } from '../../src/evaluation/report/html.js';
import { capital, html } from '../../src/evaluation/report/html.js';
import { type Section, page } from '../../src/evaluation/report/page.js';
import { metricTitles } from '../protocol/benchmark.js';
import type { Evaluation } from '../protocol/evaluate.js';
import type { Results } from '../protocol/results.js';
import { parameterOfResults, scoredSplits } from '../protocol/results.js';
import { classSection } from './classes.js';
import { comparison, splitTable } from './comparison.js';
import { confusionSection } from './confusion.js';
import { choiceSection, precisionRecallSection } from './curves.js';
import { exampleSection } from './examples.js';
import { plusMinus } from './figures.js';
import { checkSection, descriptorSection, makingSection } from './making.js';

const results = (document: Results): Content => [
  comparison(document),
  html`<ul>
    ${[...document.remarks, ...document.notes].map((note) => html`<li>${note}</li>`)}
  </ul>`,
  splitTable(document),
];

const testTitle = ([first, ...others]: Evaluation['outcomes']): string =>
  first && others.length === 0 && first.name !== 'test' ? `Test images, ${first.name}` : 'Test images';

/** The page's text. */
export const reportOf = async (document: Results, evaluation: Evaluation): Promise<string> => {
  const single = evaluation.benchmark.metric === 'meanClassRecall';
  const scored = evaluation.outcomes.filter(({ figures }) => Object.keys(figures).length > 0);
  const [first] = scored;
  const orient = document.descriptors.recipes.some((recipe) => recipe.orient);
  const what = evaluation.dataset.name === 'voc2012-action' ? 'persons' : 'images';
  const sections: (Section | undefined)[] = [
    { title: 'Results', body: results(document) },
    { title: 'Classes', body: await classSection(document) },
    first && !single
      ? { title: 'Precision and recall', body: await precisionRecallSection(first) }
      : undefined,
    first && single ? { title: 'Confusion', body: await confusionSection(scored) } : undefined,
    { title: `Choice of ${parameterOfResults(document)}`, body: await choiceSection(document) },
    first ? { title: testTitle(scored), body: await exampleSection(scored, single, orient) } : undefined,
    { title: 'Images left out, duplicates', body: checkSection(document) },
    { title: 'Descriptors', body: descriptorSection(document) },
    { title: 'How it was made', body: makingSection(document) },
  ];
  const metric = metricTitles[document.metric] ?? document.metric;
  return page({
    title: document.title,
    summary: html`<p>
      ${capital(metric)}:
      <strong>${plusMinus(document.mean, document.std, scoredSplits(document) > 1)} %</strong>
      on ${document.images} ${what} of ${document.classes.length} classes.
    </p>`,
    sections: sections.filter((section) => section !== undefined),
  });
};

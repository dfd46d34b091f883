// A report in headless Chromium: no error, no network, tables sort by click and key, images load; pages on paper. Needs Debian's chromium and
// poppler-utils.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import sharp from 'sharp';
import { chart } from '../../src/evaluation/report/chart.js';
import { bars } from '../../src/evaluation/report/charts.js';
import { details, facts } from '../../src/evaluation/report/facts.js';
import { html } from '../../src/evaluation/report/html.js';
import { page } from '../../src/evaluation/report/page.js';
import { table } from '../../src/evaluation/report/table.js';
import { thumbnails } from '../../src/evaluation/report/thumbnails.js';
import { withFolder } from '../support.js';

describe('report in Chromium', () => {
  it('opens without errors or network, sorts tables, shows images', () =>
    withFolder(async (folder) => {
      const image = await sharp({ create: { width: 40, height: 30, channels: 3, background: '#cc0000' } })
        .jpeg()
        .toBuffer();
      const values = [
        { name: 'b', value: 9.5 },
        { name: 'a', value: 10.5 },
      ];
      const columns = [
        { title: 'name', value: (row: (typeof values)[number]) => row.name },
        { title: 'figure', value: (row: (typeof values)[number]) => row.value, digits: 1 },
      ];
      const file = join(folder, 'report.html');
      await writeFile(
        file,
        page({
          title: 'Report',
          sections: [
            { title: 'Table', body: table({ caption: 'Figures', columns, rows: values }) },
            {
              title: 'Bars',
              body: await chart({ title: 'Bars', description: 'Two.', spec: bars(values, { x: 'x' }) }),
            },
            { title: 'Images', body: thumbnails('Images', [{ image, alt: 'red', caption: 'red' }]) },
          ],
        }),
      );
      const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
      try {
        const tab = await browser.newPage();
        const [problems, requests]: [string[], string[]] = [[], []];
        tab.on('console', (message) => problems.push(message.text()));
        tab.on('pageerror', (error) => problems.push(error.message));
        tab.on('request', (request) => requests.push(request.url()));
        await tab.goto(`file://${file}`);
        const order = () => tab.locator('tbody th').allTextContents();
        await tab.click('thead button >> nth=1');
        assert.deepEqual(await order(), ['b', 'a']);
        await tab.keyboard.press('Enter');
        assert.deepEqual(await order(), ['a', 'b']);
        assert.equal(await tab.textContent('#announce'), 'Sorted by Figure, falling');
        assert.equal(await tab.evaluate('document.images[0].naturalWidth'), 40);
        assert.deepEqual(problems, []);
        assert.deepEqual(
          requests.filter((url) => !/^(file|data):/.test(url)),
          [],
        );
      } finally {
        await browser.close();
      }
    })).timeout(60_000);

  it('keeps captions with their tables on paper, and leaves no page of a few lines', () =>
    withFolder(async (folder) => {
      const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
      try {
        const tab = await browser.newPage();
        // Tables of many lengths, after texts of many lengths: each falls on the end of a page somewhere.
        for (const filler of [1, 8, 16, 24, 30, 36]) {
          const [file, pdf] = [join(folder, 'report.html'), join(folder, 'report.pdf')];
          const sections = [3, 20, 45, 120].map((rows) => ({
            title: `Section of ${rows}`,
            body: [
              html`<p>${Array.from({ length: filler }, (_, i) => [`Line ${i}.`, html`<br />`])}</p>`,
              details(
                'Unfolded on paper',
                table({
                  caption: `Caption of ${rows}`,
                  columns: [
                    { title: `heading of ${rows}`, value: (row: number) => `row ${row} of ${rows}` },
                    { title: 'figure', value: (row: number) => row },
                  ],
                  rows: Array.from({ length: rows }, (_, row) => row),
                }),
              ),
            ],
          }));
          const recipe = Object.fromEntries(Array.from({ length: 14 }, (_, i) => [`Fact ${i}`, 'a value']));
          sections.push({ title: 'Facts', body: [facts(recipe)] });
          await writeFile(file, page({ title: 'Report', sections }));
          await tab.goto(`file://${file}`);
          await tab.pdf({ path: pdf, format: 'A4' });
          const text = execFileSync('pdftotext', ['-layout', pdf, '-'], { encoding: 'utf8' });
          const pages = text.split('\f').filter((one) => one.trim() !== '');
          for (const rows of [3, 20, 45, 120]) {
            const holder = pages.find((one) => one.includes(`Caption of ${rows}\n`))!;
            for (const wanted of ['Unfolded', `Heading of ${rows}`, `row 0 of ${rows}`, `row 2 of ${rows}`])
              assert.ok(holder.includes(wanted), `${wanted}, after ${filler} lines`);
          }
          const ofFacts = pages.filter((one) => one.includes('Fact '));
          assert.equal(ofFacts.length, 1, `facts on ${ofFacts.length} pages, after ${filler} lines`);
          for (const one of pages) {
            const lines = one.split('\n').filter((line) => line.trim() !== '');
            assert.ok(lines.length >= 9, `a page of ${lines.length} lines, after ${filler}: ${one}`);
          }
        }
      } finally {
        await browser.close();
      }
    })).timeout(120_000);
});

// A report in headless Chromium: no error, no network, tables sort by click and key, images load. Needs Debian's chromium.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import sharp from 'sharp';
import { chart } from '../../src/evaluation/report/chart.js';
import { bars } from '../../src/evaluation/report/charts.js';
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
});

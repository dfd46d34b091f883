// The whole reports of two benchmarks in headless Chromium: no errors, no network, accessible, tables sort by key. Needs Debian's chromium.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type Browser, type Page, chromium } from 'playwright-core';
import { benchmarkNamed } from '../../benchmarks/list.js';
import { runBenchmark } from '../../benchmarks/protocol/run.js';
import { randomBackbone, small } from '../features/nets.js';
import { makeCaltech } from '../fixtures/datasets/caltech.js';
import { makeVoc } from '../fixtures/datasets/voc.js';
import { withFolder } from '../support.js';

/** Opens a file, and collects what a page must not do: errors, warnings, requests to anywhere. */
const opened = async (browser: Browser, file: string): Promise<{ tab: Page; problems: string[] }> => {
  const tab = await browser.newPage();
  const problems: string[] = [];
  tab.on('console', (message) => problems.push(message.text()));
  tab.on('pageerror', (error) => problems.push(error.message));
  tab.on('request', (request) => {
    if (!/^(file|data):/.test(request.url())) problems.push(request.url());
  });
  await tab.goto(`file://${file}`);
  return { tab, problems };
};

/** Runs in the page: what a screen reader needs and does not find. Written as text: the project knows no DOM. */
const FAULTS = `(() => {
  const faults = [];
  const check = (selector, good, what) => {
    for (const element of document.querySelectorAll(selector)) {
      if (!good(element)) faults.push(what + ': ' + element.outerHTML.slice(0, 120));
    }
  };
  const levels = [...document.querySelectorAll('h1,h2,h3')].map((h) => Number(h.tagName[1]));
  if (levels.filter((level) => level === 1).length !== 1) faults.push('not one h1');
  levels.forEach((level, i) => { if (i > 0 && level > levels[i - 1] + 1) faults.push('a heading level is skipped'); });
  check('table', (t) => t.caption && t.caption.textContent.trim() !== '', 'table without caption');
  check('table thead th', (h) => h.scope === 'col' && h.textContent.trim() !== '', 'heading of a column');
  check('tbody tr', (r) => r.cells[0].tagName === 'TH' && r.cells[0].scope === 'row', 'row without heading');
  check('img', (i) => i.alt.trim() !== '' && i.naturalWidth > 0, 'image without text or content');
  check('figure.chart', (f) => f.querySelector('[role=img]')?.getAttribute('aria-label')?.length > 30, 'chart without description');
  check('figure.chart svg', (s) => s.getAttribute('aria-hidden') === 'true', 'marks of a chart read aloud');
  check('section', (s) => document.getElementById(s.getAttribute('aria-labelledby'))?.tagName === 'H2', 'section without heading');
  check('nav a', (a) => document.querySelector(a.getAttribute('href')), 'link to nothing');
  check('.scroll', (s) => s.tabIndex === 0 && s.getAttribute('aria-label'), 'scrolling region without name');
  if (!document.documentElement.lang) faults.push('no language');
  const ids = [...document.querySelectorAll('[id]')].map((e) => e.id);
  if (new Set(ids).size !== ids.length) faults.push('an id twice');
  if (document.documentElement.scrollWidth > innerWidth) faults.push('wider than the window');
  return faults;
})()`;

/** Lightness contrast of text and page, as WCAG defines it. */
const CONTRAST = `(() => {
  const lightness = (colour) => {
    const [r, g, b] = colour.match(/[\\d.]+/g).map((v) => v / 255).map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const page = lightness(getComputedStyle(document.body).backgroundColor);
  return [...document.querySelectorAll('p,li,td,th,dt,dd,figcaption,caption,a,summary,svg text')].map((e) => {
    const style = getComputedStyle(e);
    const ink = lightness(e.namespaceURI.endsWith('svg') ? style.fill : style.color);
    return (Math.max(ink, page) + 0.05) / (Math.min(ink, page) + 0.05);
  });
})()`;

/** Sizes on the screen, in pixels, of the texts of charts that are shown. */
const TEXT_SIZES = `[...document.querySelectorAll('figure.chart svg')]
  .filter((svg) => svg.getBoundingClientRect().width > 0)
  .flatMap((svg) => {
    const scale = svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
    return [...svg.querySelectorAll('text')].filter((t) => t.textContent).map((t) => scale * parseFloat(getComputedStyle(t).fontSize));
  })`;

describe("benchmarks' reports in Chromium", function () {
  this.timeout(120_000);

  it('are accessible, quiet and sort by keyboard, in light, dark and print', () =>
    withFolder(async (folder) => {
      await makeVoc(2007, folder, { width: 64, perClass: 1 });
      await makeCaltech(101, folder, { width: 64, perClass: 8 });
      await randomBackbone(join(folder, 'D.safetensors'), small({ config: 'D', width: 1 / 32 }));
      for (const name of ['voc2007', 'caltech101']) {
        await runBenchmark(benchmarkNamed(name), {
          data: folder,
          backbones: [join(folder, 'D.safetensors')],
          features: [],
          recipe: { scales: [32] },
          extract: { threads: 1 },
          svm: { threads: 1 },
          bootstrap: { resamples: 20 },
          seed: 1,
          trainPerClass: 5,
          splits: 2,
          out: join(folder, name),
          command: `verydeep evaluate ${name}`,
        });
      }
      const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
      try {
        for (const [name, charts, images] of [
          ['voc2007', 3, 80],
          ['caltech101', 3, 20],
        ] as const) {
          const { tab, problems } = await opened(browser, join(folder, name, 'report.html'));
          assert.deepEqual(await tab.evaluate(FAULTS), [], name);
          assert.equal(await tab.locator('figure.chart').count(), charts, name);
          assert.ok((await tab.locator('img').count()) >= images, name);
          for (const scheme of ['light', 'dark'] as const) {
            await tab.emulateMedia({ colorScheme: scheme });
            const contrasts = await tab.evaluate<number[]>(CONTRAST);
            assert.ok(contrasts.length > 100);
            // Figures inside the cells of a heat map stand on the cell, not on the page.
            const least = contrasts.sort((a, b) => a - b)[name === 'caltech101' ? 12 : 0]!;
            assert.ok(least >= 4.5, `${name}, ${scheme}: contrast ${least}`);
          }
          // On a page of 400 pixels all text of charts is as large as it was drawn, and nothing makes the page wider.
          await tab.setViewportSize({ width: 400, height: 800 });
          const sizes = await tab.evaluate<number[]>(TEXT_SIZES);
          assert.ok(sizes.length > 20, name);
          assert.ok(Math.min(...sizes) >= 10, `${name}: text of ${Math.min(...sizes)} pixels`);
          assert.deepEqual(await tab.evaluate(FAULTS), [], `${name}, 400 pixels`);
          await tab.setViewportSize({ width: 1280, height: 720 });
          // By keyboard alone: to the first heading that sorts, Enter, and Enter again.
          const figures = () =>
            tab.locator('main table').first().locator('tbody td.number').allTextContents();
          await tab.locator('main thead button').nth(1).focus();
          await tab.keyboard.press('Enter');
          const rising = (await figures()).map(parseFloat);
          assert.deepEqual(
            rising,
            [...rising].sort((a, b) => a - b),
          );
          assert.equal(await tab.locator('th[aria-sort=ascending]').count(), 1);
          await tab.keyboard.press('Space');
          assert.deepEqual((await figures()).map(parseFloat), [...rising].reverse());
          assert.match((await tab.textContent('#announce'))!, /^Sorted by Mean .*, falling$/);
          // The first stop of the keyboard leads past the contents.
          await tab.evaluate('document.activeElement.blur()');
          await tab.locator('.skip').focus();
          assert.ok((await tab.locator('.skip').boundingBox())!.x >= 0);
          // On paper everything folded is unfolded.
          const folded = () => tab.locator('details:not([open])').count();
          assert.ok((await folded()) > 0);
          await tab.evaluate("dispatchEvent(new Event('beforeprint'))");
          assert.equal(await folded(), 0);
          assert.ok((await tab.pdf({ format: 'A4' })).length > 20_000);
          // The checks do find faults: a caption and a text taken away.
          await tab.evaluate("document.querySelector('caption').remove(); document.images[0].alt = ''");
          assert.equal((await tab.evaluate<string[]>(FAULTS)).length, 2);
          assert.deepEqual(problems, [], name);
          await tab.close();
        }
      } finally {
        await browser.close();
      }
    }));
});

// The style sheet of reports, for screen and paper, light and dark.

/** Colours by name: light, dark. Series colours have a contrast of at least 3:1 and differ in lightness. */
const colours: Readonly<Record<string, readonly [light: string, dark: string]>> = {
  page: ['#ffffff', '#14171c'],
  panel: ['#f5f6f8', '#1d2128'],
  ink: ['#1b1f24', '#e6e9ee'],
  quiet: ['#57606a', '#a3adba'],
  line: ['#d0d7de', '#3a424d'],
  accent: ['#0b57a4', '#7db8ff'],
  good: ['#1a7f37', '#57c06a'],
  bad: ['#b3261e', '#ff8a80'],
  heat0: ['#f5f6f8', '#1d2128'],
  heat1: ['#0b3d76', '#9fd0ff'],
  series1: ['#0b57a4', '#7db8ff'],
  series2: ['#b45309', '#f0a04b'],
  series3: ['#1a7f37', '#57c06a'],
  series4: ['#a1217e', '#f08fd2'],
  series5: ['#5b3fb0', '#b6a2ff'],
  series6: ['#0f766e', '#4fd1c5'],
  series7: ['#8a6d00', '#dcc14a'],
  series8: ['#57606a', '#a3adba'],
};

/** Number of series colours. */
export const SERIES = Object.keys(colours).filter((name) => name.startsWith('series')).length;

const variables = (theme: 0 | 1): string =>
  Object.entries(colours)
    .map(([name, shades]) => `--${name}:${shades[theme]};`)
    .join('');

/** The style sheet. */
export const style = `
:root{color-scheme:light dark;${variables(0)}}
@media screen and (prefers-color-scheme:dark){:root{${variables(1)}}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:72rem;padding:1.5rem;background:var(--page);color:var(--ink);
 font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
h1{font-size:1.9rem;line-height:1.2;margin:.5rem 0}h2{font-size:1.35rem;margin:2.5rem 0 .75rem;border-bottom:1px solid var(--line)}
h3{font-size:1.05rem;margin:1.5rem 0 .5rem}
a{color:var(--accent)}p,li{max-width:46rem}.quiet,figcaption,caption{color:var(--quiet)}
.skip{position:absolute;left:-100rem}.skip:focus{position:static}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
nav ul{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;list-style:none;padding:0;margin:1rem 0}
.scroll{overflow-x:auto;margin:1rem 0}
table{border-collapse:collapse;min-width:min(100%,30rem);font-variant-numeric:tabular-nums}
caption{text-align:left;padding:.25rem 0;caption-side:top}
th,td{padding:.3rem .75rem;text-align:left;border-bottom:1px solid var(--line);vertical-align:top}
caption span{display:block;position:sticky;left:0;max-width:min(46rem,100vw - 3rem)}
th.number,td.number{text-align:right}td.number{white-space:nowrap}tbody th{font-weight:inherit}
thead th{border-bottom:2px solid var(--quiet);vertical-align:bottom}
tr.ours>*{background:var(--panel);font-weight:600}
thead button{all:unset;cursor:pointer;font-weight:600}thead button:focus-visible{outline:3px solid var(--accent)}
thead button::after{content:"\\2195";color:var(--quiet);padding-left:.3em;font-weight:400}
th[aria-sort=ascending] button::after{content:"\\2191";color:var(--ink)}
th[aria-sort=descending] button::after{content:"\\2193";color:var(--ink)}
figure{margin:1rem 0}figure.chart svg{max-width:100%;height:auto;color:var(--ink)}figure.chart>div{overflow-x:auto}.narrow{display:none}
summary{cursor:pointer;color:var(--accent)}
.thumbnails{list-style:none;padding:0;margin:.5rem 0;display:flex;flex-wrap:wrap;gap:.75rem}
.thumbnails li{width:9rem}.thumbnails figure{margin:0}
.thumbnails img{width:100%;height:9rem;object-fit:contain;background:var(--panel);border:2px solid var(--line);display:block}
.thumbnails .good img{border-color:var(--good)}.thumbnails .bad img{border-color:var(--bad);border-style:dashed}
.thumbnails figcaption{font-size:.78rem;overflow-wrap:anywhere;line-height:1.3}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.25rem 1.25rem;margin:1rem 0}
dt{color:var(--quiet)}dd{margin:0;overflow-wrap:anywhere}
code,pre{font:0.9em/1.45 ui-monospace,"DejaVu Sans Mono",Menlo,Consolas,monospace}
pre{background:var(--panel);padding:.75rem 1rem;white-space:pre-wrap;overflow-wrap:anywhere}
.hidden{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
@media screen and (max-width:50rem){figure.chart svg{max-width:none}.wide{display:none}.narrow{display:block}}
@media (max-width:40rem){dl{grid-template-columns:1fr}dd{margin-bottom:.5rem}}
@media print{:root{color-scheme:light}body{max-width:none;padding:0;font-size:10pt}nav,.skip,thead button::after{display:none}
 .scroll,figure.chart>div{overflow:visible}h2,h3,figcaption,caption,thead,p.quiet,summary{break-after:avoid}
 table.whole,thead,tr,figure.chart>div,figcaption,dl,pre,p,.thumbnails,.examples{break-inside:avoid}
 table:not(.whole) tr:nth-child(-n+4){break-after:avoid}table:not(.whole) tr:nth-last-child(-n+9){break-before:avoid}thead{display:table-header-group}
 caption span{position:static}/* Inline blocks are never split between pages. */.examples>div{display:inline-block;vertical-align:top;width:32.5%}
 .thumbnails{display:block;margin:0}.thumbnails li{display:inline-block;vertical-align:top;width:2.6cm;margin:0 .3rem .3rem 0}
 .examples li{width:31%;margin:0 1% .3rem 0}.examples li:first-child:nth-last-child(n+4),.examples li:first-child:nth-last-child(n+4)~li{width:48%}
 .thumbnails img{height:2.6cm}.examples img{height:1.8cm}@page{margin:1.5cm}}
`.trim();

/** The style sheet of the results page, one for screen and paper. */

/** A serif text column, tables with three rules, and frames that scroll if their content is wider than the page. */
export const PAGE_STYLE = `
:root { --ink: #1a1a1a; --faint: #5c5c5c; --rule: #c8c8c8; --good: #00664a; --bad: #a33b00; --link: #00558a; }
* { box-sizing: border-box; }
html { font: 17px/1.55 Charter, 'Bitstream Charter', 'Sitka Text', Cambria, Georgia, serif; color: var(--ink); background: #fff; }
body { max-width: 60rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
h1, h2, h3 { font-weight: 600; line-height: 1.25; }
h1 { font-size: 1.9rem; margin: 0 0 .5rem; }
h2 { font-size: 1.4rem; margin: 3.2rem 0 1rem; padding-top: .8rem; border-top: 2px solid var(--ink); }
summary { cursor: pointer; list-style-position: outside; }
summary h2 { display: inline-block; width: calc(100% - 1.5rem); vertical-align: top; margin-bottom: 0; }
summary:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
h3 { font-size: 1.12rem; margin: 2.2rem 0 .6rem; }
p, dl { max-width: 44rem; }
header p { margin: .5rem 0; color: var(--faint); font-size: .92rem; }
header .lead { color: var(--ink); font-size: 1.05rem; }
a { color: var(--link); text-underline-offset: 2px; }
a:focus-visible, .wide:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
nav ul { list-style: none; margin: 1.2rem 0 0; padding: 0; display: flex; flex-wrap: wrap; gap: .25rem 1.4rem; }
code { font: .86em/1.45 ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace; overflow-wrap: anywhere; }
.wide { overflow-x: auto; }
figure { margin: 1.6rem 0 2.2rem; }
figure img { display: block; width: 100%; max-width: 56rem; min-width: 38rem; height: auto; }
figcaption { font-size: .88rem; line-height: 1.45; color: #333; max-width: 50rem; margin-top: .4rem; }
.files { white-space: nowrap; }
.files a { margin-right: .35rem; }
table { border-collapse: collapse; font: .8rem/1.4 system-ui, 'Segoe UI', 'Open Sans', 'DejaVu Sans', sans-serif; font-variant-numeric: tabular-nums lining-nums; min-width: 100%; }
.table { margin: 1.2rem 0 1.8rem; }
caption { caption-side: top; text-align: left; font-size: .84rem; color: #333; padding-bottom: .4rem; }
thead { border-top: 1.5px solid var(--ink); border-bottom: 1px solid var(--ink); }
tbody { border-bottom: 1.5px solid var(--ink); }
tbody tr + tr { border-top: 1px solid #ececec; }
th, td { text-align: left; vertical-align: top; padding: .28rem .9rem .28rem 0; font-weight: 400; }
th[colspan] { border-bottom: 1px solid var(--rule); }
thead th { color: #333; }
tbody th { font-weight: 600; white-space: nowrap; }
td { min-width: 3.2rem; }
td:not([class]) { min-width: 6.5rem; }
.number { text-align: right; white-space: nowrap; }
td.prose { min-width: 14rem; white-space: normal; }
.faint { color: var(--faint); }
.good, .bad, .open { white-space: nowrap; font-weight: 600; }
.good { color: var(--good); } .good::before { content: '\\2713\\00a0'; }
.bad { color: var(--bad); } .bad::before { content: '\\2717\\00a0'; }
.open { color: var(--faint); } .open::before { content: '\\2013\\00a0'; }
dt { font-weight: 600; margin-top: .5rem; } dd { margin: 0 0 0 1.2rem; }
.sample { display: grid; grid-template-columns: 11rem minmax(0, 1fr); gap: 1.4rem; margin: 1.2rem 0; padding: 1.1rem 0; border-top: 1px solid var(--rule); }
.pictures img { display: block; width: 100%; height: auto; image-rendering: pixelated; border: 1px solid var(--rule); margin-bottom: .5rem; }
.words p { margin: 0 0 .45rem; }
.set { color: var(--faint); font-size: .84rem; }
.question { white-space: pre-wrap; overflow-wrap: anywhere; }
.sample .table { margin: .6rem 0 0; }
.sample td code { white-space: pre-wrap; }
footer { margin-top: 3rem; font-size: .84rem; color: var(--faint); }
@media (max-width: 40rem) {
  html { font-size: 16px; }
  body { padding: 1.25rem 1rem 3rem; }
  .sample { grid-template-columns: 1fr; gap: .6rem; }
  .pictures { display: flex; gap: .6rem; } .pictures img { width: 9rem; }
  .sample thead { display: none; } .sample tr { display: block; padding: .4rem 0; }
  .sample tbody th, .sample td { display: inline-block; } .sample td:last-child { display: block; }
}
@media print {
  html { font-size: 10pt; } body { max-width: none; padding: 0; }
  nav, .files { display: none; }
  details::details-content { content-visibility: visible; block-size: auto; }
  .wide { overflow: visible; } figure img { min-width: 0; }
  figure, .sample, tr { break-inside: avoid; } h2, h3, caption { break-after: avoid; }
  a { color: inherit; text-decoration: none; }
}
`;

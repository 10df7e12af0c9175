/**
 * The page of rollouts: every completion that a run has logged, with prompt, pictures, rewards and advantage, to search, sort and filter.
 * One HTML file that fetches nothing. Its content policy lets no script run but the page's own.
 */

import { createHash } from 'node:crypto';
import { scriptJson } from '../export.js';
import { escapeHtml } from '../tables.js';
import type { Rollouts } from './rollout-data.js';
import { ROLLOUTS_SCRIPT } from './rollouts-script.js';

const STYLE = `
:root { --ink: #1a1a1a; --faint: #5c5c5c; --rule: #d6d6d6; --link: #00558a; --warn: #a33b00; }
* { box-sizing: border-box; }
html, body { height: 100%; margin: 0; }
body { display: flex; flex-direction: column; font: 14px/1.4 system-ui, 'Segoe UI', 'Open Sans', 'DejaVu Sans', sans-serif; color: var(--ink); background: #fff; }
header { padding: .7rem 1rem .5rem; border-bottom: 1px solid var(--rule); }
h1 { font-size: 1.05rem; margin: 0 0 .4rem; overflow-wrap: anywhere; }
form { display: flex; flex-wrap: wrap; gap: .35rem .9rem; align-items: center; }
label { display: inline-flex; gap: .3rem; align-items: center; }
input[type=search] { width: 15rem; max-width: 60vw; }
input[type=number] { width: 4.6rem; }
input, select, button { font: inherit; }
#count { color: var(--faint); margin: .35rem 0 0; }
#list { flex: 1; overflow-y: auto; position: relative; }
#space { position: relative; }
.row { position: absolute; left: 0; right: 0; height: 92px; padding: .4rem 1rem; border-bottom: 1px solid var(--rule); display: grid; grid-template-columns: 74px minmax(0, 1fr) minmax(0, 1.6fr) minmax(9rem, 13rem) 6.5rem; gap: .9rem; cursor: pointer; overflow: hidden; }
.row:hover, .row:focus-visible { background: #f2f6fa; outline: none; }
.side b { display: block; font-size: .78rem; font-weight: 600; }
.side img { height: 54px; max-width: 72px; object-fit: contain; image-rendering: pixelated; border: 1px solid var(--rule); }
.text { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 4; overflow: hidden; overflow-wrap: anywhere; white-space: pre-line; font-size: .86rem; max-height: calc(4 * 1.4em); }
.question { color: var(--faint); }
.answer { font-family: ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace; font-size: .8rem; }
.written .answer { -webkit-line-clamp: 3; max-height: calc(3 * 1.4em); }
.gold { font-size: .8rem; color: var(--faint); white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.rewards { font-size: .8rem; overflow: hidden; }
.rewards div { display: flex; justify-content: space-between; gap: .5rem; }
.name { color: var(--faint); overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.value, .numbers { font-variant-numeric: tabular-nums; }
.numbers { text-align: right; font-size: .8rem; }
.sum { font-weight: 600; font-size: .95rem; }
.tokens { color: var(--faint); }
.mark { color: var(--warn); font-weight: 600; margin-left: .4rem; white-space: nowrap; }
dialog { width: min(60rem, 96vw); max-height: 92vh; border: 1px solid var(--rule); padding: 1rem 1.3rem; }
dialog::backdrop { background: rgba(0, 0, 0, .35); }
dialog h2 { font-size: 1.05rem; margin: 0 3.5rem .6rem 0; overflow-wrap: anywhere; }
dialog button { float: right; }
.pictures { display: flex; flex-wrap: wrap; gap: .6rem; }
.pictures img { width: 256px; max-width: 100%; image-rendering: pixelated; border: 1px solid var(--rule); }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font: .82rem/1.45 ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace; margin: .3rem 0; }
li { margin: .6rem 0; padding-left: .3rem; border-left: 3px solid transparent; } li.chosen { border-color: var(--link); }
.line { margin: 0; color: var(--faint); font-size: .84rem; }
@media (max-width: 46rem) {
  .row { grid-template-columns: 62px minmax(0, 1fr) 5.6rem; gap: .6rem; }
  .row .question, .row .rewards { display: none; }
}
`;

/**
 * Writes the page as text.
 *
 * @param title such as the run's folder
 */
export function rolloutsPage(title: string, rollouts: Rollouts): string {
  const hash = createHash('sha256').update(ROLLOUTS_SCRIPT).digest('base64');
  const policy = `default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-${hash}'`;
  const name = escapeHtml(title);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<title>Rollouts of ${name}</title>
<style>${STYLE}</style>
</head>
<body>
<header>
<h1>Rollouts of ${name}</h1>
<form id="filters">
<label>search <input id="search" type="search" placeholder="prompt, completion, answer, id"></label>
<label>steps <input id="from" type="number" min="1" aria-label="first step"></label><label>to <input id="to" type="number" min="1" aria-label="last step"></label>
<label>reward <select id="which"></select></label><label>from <input id="least" type="number" step="any" aria-label="least reward"></label><label>to <input id="most" type="number" step="any" aria-label="highest reward"></label>
<label><input id="dead" type="checkbox"> dead groups only</label>
<label><input id="cut" type="checkbox"> cut ones only</label>
<label>sort by <select id="sort"></select></label><label><input id="falling" type="checkbox"> falling</label>
</form>
<p id="count" role="status"></p>
</header>
<main id="list" tabindex="-1" aria-label="Completions"><div id="space"></div></main>
<dialog id="detail" aria-label="A prompt with its group of completions"></dialog>
<script type="application/json" id="rollouts">${scriptJson(rollouts)}</script>
<script>${ROLLOUTS_SCRIPT}</script>
</body>
</html>
`;
}

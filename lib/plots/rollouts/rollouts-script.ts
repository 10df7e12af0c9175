/**
 * The script of the page of rollouts. It keeps only the rows that can be seen in the document, so that ten thousand are no more work than
 * ten. All text of a model goes into the page as text, never as markup.
 */
export const ROLLOUTS_SCRIPT = `'use strict';
const { rewardNames, prompts, completions } = JSON.parse(document.getElementById('rollouts').textContent);
const ROW = 92;
const one = (name) => document.getElementById(name);
const list = one('list'), space = one('space'), counter = one('count'), detail = one('detail');
const number = (value) => value === null ? '\\u2013' : Number.isInteger(value) ? String(value) : value.toFixed(3);
// Another trainer's log may lack these.
const advantage = (row) => row.advantage === null ? '' : row.advantage.toFixed(3);
const tokens = (row) => row.tokens === null ? '' : row.tokens + ' tokens';
const element = (name, className, text) => {
  const node = document.createElement(name);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
};
const picture = (prompt, number) => {
  const node = element('img');
  node.src = prompt.pictures[number];
  node.alt = 'picture ' + (number + 1) + ' of prompt ' + prompt.id;
  return node;
};
const searched = completions.map(({ prompt, text }) =>
  (prompts[prompt].id + '\\n' + prompts[prompt].text + '\\n' + prompts[prompt].gold + '\\n' + text).toLowerCase());
// The lines with which all prompts begin, such as the system's turn, are left out in the list.
let lead = prompts[0].text.length;
for (const { text } of prompts) while (lead > 0 && !text.startsWith(prompts[0].text.slice(0, lead))) lead--;
lead = prompts.length > 1 ? prompts[0].text.slice(0, lead).lastIndexOf('\\n') + 1 : 0;
const valueOf = {
  step: (row) => row.step, reward: (row) => row.reward, advantage: (row) => row.advantage, tokens: (row) => row.tokens,
  prompt: (row) => row.prompt, completion: (row) => row.text,
};
rewardNames.forEach((name, k) => { valueOf['reward ' + k] = (row) => row.rewards[k]; });
const option = (select, value, text) => {
  const node = element('option', '', text);
  node.value = value;
  select.append(node);
};
for (const select of [one('which'), one('sort')]) {
  if (select.id === 'sort') for (const name of ['step', 'prompt', 'completion', 'advantage', 'tokens']) option(select, name, name);
  option(select, 'reward', 'reward (sum)');
  rewardNames.forEach((name, k) => option(select, 'reward ' + k, name));
}
let shown = [];
const bound = (name, otherwise) => one(name).value.trim() === '' ? otherwise : Number(one(name).value);
function choose() {
  const words = one('search').value.toLowerCase();
  const which = valueOf[one('which').value];
  const least = bound('least', -Infinity), most = bound('most', Infinity);
  const from = bound('from', -Infinity), to = bound('to', Infinity);
  const dead = one('dead').checked, cut = one('cut').checked;
  const bounded = least > -Infinity || most < Infinity;
  shown = [];
  completions.forEach((row, i) => {
    if (row.step < from || row.step > to || (dead && !row.dead) || (cut && !row.cut)) return;
    const value = which(row);
    if (bounded && (value === null || value < least || value > most)) return;
    if (words !== '' && !searched[i].includes(words)) return;
    shown.push(i);
  });
  const sort = valueOf[one('sort').value];
  const sign = one('falling').checked ? -1 : 1;
  const values = completions.map(sort);
  shown.sort((a, b) => {
    const [x, y] = [values[a], values[b]];
    if (x === y) return a - b;
    if (x === null || y === null) return x === null ? 1 : -1;
    return x < y ? -sign : sign;
  });
  counter.textContent = shown.length.toLocaleString('en') + ' of ' + completions.length.toLocaleString('en') + ' completions';
  space.style.height = shown.length * ROW + 'px';
  list.scrollTop = 0;
  draw(true);
}
const drawn = new Map();
function draw(anew) {
  const first = Math.max(0, Math.floor(list.scrollTop / ROW) - 5);
  const last = Math.min(shown.length, Math.ceil((list.scrollTop + list.clientHeight) / ROW) + 5);
  for (const [at, node] of drawn) {
    if (!anew && at >= first && at < last) continue;
    node.remove();
    drawn.delete(at);
  }
  for (let at = first; at < last; at++) {
    if (drawn.has(at)) continue;
    const node = rowNode(shown[at]);
    node.style.top = at * ROW + 'px';
    space.append(node);
    drawn.set(at, node);
  }
}
function rewardsNode(row) {
  const node = element('div', 'rewards');
  rewardNames.forEach((name, k) => {
    const line = element('div');
    line.append(element('span', 'name', name), element('span', 'value', number(row.rewards[k])));
    node.append(line);
  });
  return node;
}
function marksNode(row) {
  const node = element('div', 'marks');
  if (row.cut) node.append(element('span', 'mark', 'cut'));
  if (row.dead) node.append(element('span', 'mark', 'dead group'));
  return node;
}
function rowNode(index) {
  const row = completions[index], prompt = prompts[row.prompt];
  const node = element('div', 'row');
  node.tabIndex = 0;
  node.setAttribute('role', 'button');
  const side = element('div', 'side');
  side.append(element('b', '', 'step ' + row.step));
  if (prompt.pictures.length > 0) side.append(picture(prompt, 0));
  const question = element('div', 'text question', prompt.text.slice(lead));
  const written = element('div', 'written');
  written.append(element('div', 'text answer', row.text), element('div', 'gold', 'gold: ' + prompt.gold));
  const numbers = element('div', 'numbers');
  numbers.append(element('div', 'sum', number(row.reward)), element('div', 'advantage', advantage(row) && 'A ' + (row.advantage > 0 ? '+' : '') + row.advantage.toFixed(2)),
    element('div', 'tokens', tokens(row)), marksNode(row));
  node.append(side, question, written, rewardsNode(row), numbers);
  const open = () => showGroup(index);
  node.addEventListener('click', open);
  node.addEventListener('keydown', (event) => { if (event.key !== 'Enter') return; event.preventDefault(); open(); });
  return node;
}
function showGroup(index) {
  const chosen = completions[index], prompt = prompts[chosen.prompt];
  const head = element('h2', '', 'step ' + chosen.step + ', prompt ' + prompt.id);
  const pictures = element('div', 'pictures');
  prompt.pictures.forEach((_, i) => pictures.append(picture(prompt, i)));
  const gold = element('p', '', 'Gold answer: ');
  gold.append(element('code', '', prompt.gold));
  const group = element('ol');
  completions.forEach((row, i) => {
    if (row.step !== chosen.step || row.prompt !== chosen.prompt) return;
    const item = element('li', i === index ? 'chosen' : '');
    const line = 'reward ' + number(row.reward) + rewardNames.map((name, k) => ', ' + name + ' ' + number(row.rewards[k])).join('') +
      (advantage(row) && ', advantage ' + advantage(row)) + (tokens(row) && ', ' + tokens(row)) + (row.cut ? ', cut' : '');
    item.append(element('p', 'line', line), element('pre', '', row.text));
    group.append(item);
  });
  const close = element('button', '', 'Close');
  close.addEventListener('click', () => detail.close());
  detail.replaceChildren(close, head, pictures, element('pre', 'question', prompt.text), gold, group);
  detail.showModal();
  detail.scrollTop = 0;
}
list.addEventListener('scroll', () => draw(false), { passive: true });
addEventListener('resize', () => draw(false));
one('filters').addEventListener('input', choose);
one('filters').addEventListener('submit', (event) => event.preventDefault());
choose();
`;

/** Rewards and scorers from files of one's own: found, loaded without a build, known by their contents, and loaded anew after an edit. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { loadOwnExport } from '../../lib/rewards/own-code.js';
import type { RewardFunction, RewardInput } from '../../lib/rewards/reward.js';
import { kitReward, type ListedReward, parseRewardList } from '../../lib/rewards/reward-list.js';

const folder = realpathSync(mkdtempSync(path.join(tmpdir(), 'reason-rft-own-code-')));
after(() => rmSync(folder, { recursive: true, force: true }));

/** Writes files into a folder of their own. Returns the path of a file in it. */
let folders = 0;
function write(files: { [name: string]: string }): (name: string) => string {
  const home = path.join(folder, String(folders++));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(home, name)), { recursive: true });
    writeFileSync(path.join(home, name), text);
  }
  return (name) => path.join(home, name);
}

const ask = ({ reward }: ListedReward, completion: string) =>
  (reward as RewardFunction)({ completion, row: { answer: '3' } } as unknown as RewardInput);

const BREVITY = `import type { Words } from './types.js';
import { count } from './inner/words.js';
import table from './table.json';
export const brevity = ({ completion }: { completion: string }): number => count(completion) + table.more;
export const all = { batch: (inputs: readonly unknown[]) => inputs.map(() => 1) };
export default function named(input: { completion: string }) { return input.completion.length; }
export const words: Words = { n: 1 };
`;
const FILES = {
  'mine.ts': BREVITY,
  'types.ts': 'export interface Words { n: number }\n',
  'inner/words.ts': 'export const count = (text: string): number => text.split(" ").length;\n',
  'table.json': '{ "more": 10 }\n',
};

test('a list names rewards of the kit with or without their ending, and files with their exports and weights', () => {
  const at = write(FILES);
  const list = parseRewardList(
    `accuracy,format_reward=0.5,${at('mine.ts')}#brevity=0.2,${at('mine.ts')}, ${at('mine.ts')}#all=-1`,
  );
  assert.deepEqual(
    list.map(({ name, weight }) => [name, weight]),
    [
      ['accuracy_reward', 1],
      ['format_reward', 0.5],
      ['brevity', 0.2],
      ['mine', 1],
      ['all', -1],
    ],
  );
  assert.deepEqual(list[0], kitReward('accuracy_reward'));
  // Two words and 10 of the table.
  assert.equal(ask(list[2]!, 'a b'), 12);
  assert.equal(ask(list[3]!, 'a b'), 3);
  assert.ok('batch' in list[4]!.reward);
});

test('JavaScript of either kind and TypeScript of either kind of folder are loaded', () => {
  const at = write({
    'common.cjs': 'exports.short = ({ completion }) => -completion.length;\n',
    'module.mjs': 'export const short = ({ completion }) => -completion.length;\n',
    'plain.js': 'module.exports = { short: ({ completion }) => -completion.length };\n',
    'typed/package.json': '{ "type": "module" }\n',
    'typed/own.ts': 'import { short as of } from "./of.ts";\nexport const short = of;\n',
    'typed/of.ts': 'export const short = ({ completion }: { completion: string }) => -completion.length;\n',
    'typed/own.mts': 'export const short = ({ completion }: { completion: string }) => -completion.length;\n',
  });
  for (const name of ['common.cjs', 'module.mjs', 'plain.js', 'typed/own.ts', 'typed/own.mts']) {
    const [reward] = parseRewardList(`${at(name)}#short`);
    assert.equal(ask(reward!, 'abc'), -3, name);
  }
});

test('the identity is the contents of the file and of all files that it imports; types and unused files are none of it', () => {
  const at = write({ ...FILES, 'unused.ts': 'export const unused = 1;\n' });
  const identity = () => loadOwnExport(at('mine.ts'), 'brevity').identity;
  const before = identity();
  assert.equal(before.export, 'brevity');
  assert.deepEqual(Object.keys(before.files).sort(), ['inner/words.ts', 'mine.ts', 'table.json']);
  writeFileSync(at('unused.ts'), 'export const unused = 2;\n');
  writeFileSync(at('types.ts'), 'export interface Words { n: number; m?: 1 }\n');
  assert.deepEqual(identity(), before);
  // The same files in another folder are the same reward.
  const elsewhere = write(FILES);
  assert.deepEqual(loadOwnExport(elsewhere('mine.ts'), 'brevity').identity, before);
  for (const [name, text] of [
    ['inner/words.ts', 'export const count = (text: string): number => text.length;\n'],
    ['table.json', '{ "more": 11 }\n'],
    ['mine.ts', BREVITY.replace('table.more', '2 * table.more')],
  ] as const) {
    const known = identity();
    writeFileSync(at(name), text);
    const now = identity();
    assert.notEqual(now.files[name], known.files[name], name);
  }
  // What is loaded is what the digest is of: 3 characters and twice 11.
  assert.equal(ask(parseRewardList(`${at('mine.ts')}#brevity`)[0]!, 'a b'), 3 + 22);
});

const LISTS: readonly [what: string, list: (at: (name: string) => string) => string, message: RegExp][] = [
  [
    'an unknown name',
    () => 'accurate',
    /there is no reward 'accurate'; choose from accuracy_reward, .*\.\/mine\.ts#name/,
  ],
  ['an export of a name', () => 'accuracy#x', /there is no reward 'accuracy#x'/],
  [
    'a name twice',
    () => 'accuracy,accuracy_reward=2',
    /names accuracy_reward twice; name it once, with a weight: accuracy_reward=2/,
  ],
  ['no weight', () => 'accuracy=', /the weight of accuracy must be a number, got ''/],
  ['a bad weight', (at) => `${at('mine.ts')}#brevity=much`, /the weight of .*mine\.ts must be a number, got 'much'/],
  [
    'a missing file',
    (at) => at('my.ts'),
    /there is no file .*my\.ts; its folder holds broken\.ts, late\.ts, mine\.ts, types\.ts, waits\.ts$/,
  ],
  ['a missing folder', (at) => at('none/my.ts'), /there is no file .*: its folder is not there/],
  ['a file that is no code', (at) => at('table.json'), /is no file of TypeScript or JavaScript/],
  [
    'a missing export',
    (at) => `${at('mine.ts')}#short`,
    /exports no 'short'; it exports #all, #brevity, #default, #words/,
  ],
  [
    'a choice of exports',
    (at) => at('inner/both.ts'),
    /exports several things and none as its default; choose one: #a, #b/,
  ],
  [
    'an export that is no reward',
    (at) => `${at('mine.ts')}#words`,
    /mine\.ts#words is no reward: it must be a function/,
  ],
  ['no exports', (at) => at('types.ts'), /types\.ts exports nothing/],
  ['broken code', (at) => at('broken.ts'), /cannot load .*broken\.ts: .*Unexpected ";"/s],
  [
    'an import while it runs',
    (at) => at('late.ts'),
    /late\.ts imports '\.\/types\.js' while it runs; import it at the top/,
  ],
  ['code that waits at its top', (at) => at('waits.ts'), /cannot load .*Top-level await/s],
];

test('what is wrong with a list is said, with what is there', () => {
  const at = write({
    ...FILES,
    'inner/both.ts': 'export const a = () => 1;\nexport const b = () => 1;\n',
    'broken.ts': 'export const x: number = ;\n',
    'late.ts': "export const x = async () => (await import('./types.js')) && 1;\n",
    'waits.ts': 'export const x = await Promise.resolve(() => 1);\n',
  });
  for (const [what, list, message] of LISTS) assert.throws(() => parseRewardList(list(at)), message, what);
});

test('a file that cannot be loaded is loaded once it is mended', () => {
  const at = write({ 'mine.ts': 'export const x: number = ;\n' });
  assert.throws(() => parseRewardList(at('mine.ts')), /cannot load/);
  writeFileSync(at('mine.ts'), 'export const x = () => 1;\n');
  assert.equal(ask(parseRewardList(at('mine.ts'))[0]!, ''), 1);
});

const BUILT = path.join(__dirname, '..', '..', 'lib', 'dist', 'rewards', 'reward-list.js');
const skip = existsSync(BUILT) ? false : 'lib is not built: npm run build';

test('the built kit loads TypeScript from any folder, where `reason-rft` is the kit, and is known by the kit’s rewards then', {
  skip,
}, () => {
  const at = write({
    'mine.ts': `import { extractAnswer } from 'reason-rft/rewards/extract-answer';
export const right = ({ completion, row }: { completion: string; row: { answer: string } }): boolean => extractAnswer(completion) === row.answer;
`,
  });
  const program = `
    const { parseRewardList } = require(${JSON.stringify(BUILT)});
    const [{ name, weight, reward, code }] = parseRewardList('./mine.ts#right=2');
    const value = reward({ completion: '<answer>3</answer>', row: { answer: '3' } });
    console.log(JSON.stringify({ name, weight, value, files: Object.keys(code.files) }));`;
  const { stdout, stderr } = spawnSync(process.execPath, ['-e', program], {
    cwd: path.dirname(at('mine.ts')),
    encoding: 'utf8',
  });
  assert.equal(stderr, '');
  const { files, ...rest } = JSON.parse(stdout) as { files: string[] };
  assert.deepEqual(rest, { name: 'right', weight: 2, value: true });
  assert.ok(files.includes('mine.ts') && files.includes('reason-rft/rewards/extract-answer.js'), files.join());
});

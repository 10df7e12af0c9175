/** The model card beside a trained checkpoint: what it says, that it holds data as data, and that the hub's own reader reads it. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { parse as parseYaml } from 'yaml';
import { modelFiles } from '../../../lib/model/model.js';
import { examineFolder } from '../../../lib/study/cells/examine-folder.js';
import { addScoreToCard, type CardFacts, writeModelCard } from '../../../lib/study/cells/model-card.js';
import { TINY } from '../../../lib/study/profile.js';
import { installedPeers } from '../../support/installed-peers.js';
import { writeMicroModel } from '../../support/micro-model.js';
import { trainMicro } from '../../support/micro-run.js';

const folder = mkdtempSync(path.join(tmpdir(), 'reason-rft-card-'));
const run = path.join(folder, 'run');
const peers = installedPeers();
before(async () => {
  writeMicroModel(path.join(folder, 'micro'));
  await trainMicro(run, path.join(folder, 'micro'));
});
after(() => rmSync(folder, { recursive: true, force: true }));

const cardOf = (place: string) => readFileSync(path.join(place, 'README.md'), 'utf8');

/** The front matter of a card. */
function frontOf(place: string) {
  return parseYaml(/^---\n([\s\S]*?)\n---\n/.exec(cardOf(place))![1]!) as {
    [field: string]: unknown;
    'model-index'?: { results: { dataset: { name: string }; metrics: { value: number; args: object }[] }[] }[];
  };
}

test('a run leaves a card with each checkpoint, with the score and the interval that it had', async () => {
  const front = frontOf(path.join(run, 'final'));
  assert.deepEqual(
    [front.base_model, front.library_name, front.pipeline_tag, front.tags],
    ['micro', 'transformers', 'image-text-to-text', ['reason-rft', 'grpo']],
  );
  // One held-out item, wrong: Wilson's interval of 0 of 1 is 0 to 3.8416 / 4.8416.
  const [score] = front['model-index']![0]!.results;
  assert.equal(score!.dataset.name, 'held-out rows');
  assert.deepEqual(score!.metrics[0]!.args, { interval: [0, 0.7935], items: 1 });
  const text = cardOf(path.join(run, 'final'));
  assert.match(text, /\| held\\-out rows \| 0\.0 \[0\.0, 79\.3\] \| 1 \|/);
  assert.match(text, /after step 3 of 3/);
  assert.match(text, /2 rows; the SHA-256 of their texts begins with `[0-9a-f]{16}`/);
  assert.match(text, /\| `format_reward` \| `1` \|/);
  assert.match(text, new RegExp(`\\| \`schedule\\.learningRate\` \\| \`${TINY.grpo.schedule.learningRate}\` \\|`));
  assert.match(cardOf(path.join(run, 'best')), /after step 2 of 3/);
  assert.ok(!text.includes(folder), 'no path of the machine');
  assert.ok(!/\d{4}-\d\d-\d\d/.test(text), 'no time');
});

test('no part of the kit knows a checkpoint by its card', async () => {
  assert.ok(!Object.keys(modelFiles(path.join(run, 'final'))).includes('README.md'));
  writeFileSync(path.join(run, 'best', 'README.md'), 'mine');
  const unsound = (await examineFolder(run)).filter(({ state }) => state === 'unsound');
  assert.deepEqual(unsound, []);
});

/** A card of hostile texts. */
function hostileCard(name: string): string {
  const place = path.join(folder, name);
  mkdirSync(place);
  const prompt = '```\n---\n# How many?\n<script>alert(1)</script>\n````';
  const row = {
    id: '1',
    prompt,
    pictures: [],
    family: 'x',
    solution: '1',
    row: { id: '1', image: [], problem: 'p', answer: '1' },
  };
  const facts: CardFacts = {
    plan: {
      kind: 'grpo',
      start: { checkpoint: 'runs/mine`: [x]/final' },
      rows: [{ ...row, system: 'a | b' }],
      rewards: [{ name: 'a|b`<i>', weight: 0.5 }],
      settings: { schedule: { decay: 'linear' }, beta: 0.04 },
    },
    code: { version: 'abcd1234', files: {} },
    kit: { kit: '0.1.0', commit: null },
    ...{ step: 1, steps: 2, scores: [] },
  };
  writeModelCard(place, facts);
  return place;
}

test('texts of rows, rewards and folders are data: no markup, no end of the front matter', () => {
  const place = hostileCard('hostile');
  assert.equal(frontOf(place).base_model, 'mine`: [x]/final');
  const text = cardOf(place);
  // The fence around the prompt is longer than any within it.
  assert.match(text, /^`````text\n```\n---\n# How many\?\n<script>alert\(1\)<\/script>\n````\n`````$/m);
  assert.match(text, /^\| `` a\\\|b`<i> `` \| `0\.5` \|$/m);
  assert.match(text, /It was not evaluated yet/);
});

test('evaluate adds its score, in the place of an earlier one on the same rows', () => {
  const place = hostileCard('scored');
  const score = (rows: string, accuracy: number) =>
    addScoreToCard(place, { rows, digest: '0123', accuracy, interval: [accuracy - 0.1, accuracy + 0.1], count: 100 });
  score('<b>test_ood</b>.jsonl', 0.5);
  score('test-id.jsonl', 0.75);
  score('<b>test_ood</b>.jsonl', 0.25);
  const results = frontOf(place)['model-index']![0]!.results;
  assert.deepEqual(
    results.map(({ dataset, metrics }) => [dataset.name, metrics[0]!.value]),
    [
      ['test-id.jsonl', 0.75],
      ['<b>test_ood</b>.jsonl', 0.25],
    ],
  );
  const text = cardOf(place);
  assert.equal(text.match(/## Scores/g)!.length, 1);
  assert.match(text, /^\| &lt;b>test\\_ood&lt;\/b>\.jsonl \| 25\.0 \[15\.0, 35\.0\] \| 100 \|$/m);
  assert.doesNotMatch(text, /not evaluated yet|50\.0/);
  const bare = path.join(folder, 'bare');
  mkdirSync(bare);
  assert.throws(
    () => addScoreToCard(bare, { rows: 'x', accuracy: 1, interval: [1, 1], count: 1 }),
    /bare has no README\.md/,
  );
  writeFileSync(path.join(bare, 'README.md'), '# Mine\n');
  assert.throws(
    () => addScoreToCard(bare, { rows: 'x', accuracy: 1, interval: [1, 1], count: 1 }),
    /README\.md does not begin with lines of YAML/,
  );
  assert.equal(cardOf(bare), '# Mine\n');
});

/** Prints what huggingface_hub reads of a card, as JSON. */
const READER = `
import json, sys
from huggingface_hub import ModelCard
card = ModelCard.load(sys.argv[1])
data = card.data
results = [[r.dataset_name, r.metric_type, r.metric_value, r.metric_args] for r in data.eval_results or []]
print(json.dumps([data.base_model, data.library_name, data.pipeline_tag, data.tags, results, '## Settings' in card.text]))
`;

test('huggingface_hub reads the cards', {
  skip: peers === undefined && 'npm run bench has not installed the Python packages to compare with',
}, () => {
  const read = (place: string) => {
    const { stdout, stderr } = spawnSync(peers!, ['-c', READER, path.join(place, 'README.md')], { encoding: 'utf8' });
    assert.notEqual(stdout, '', stderr);
    return JSON.parse(stdout) as unknown;
  };
  assert.deepEqual(read(path.join(run, 'final')), [
    ...['micro', 'transformers', 'image-text-to-text', ['reason-rft', 'grpo']],
    [['held-out rows', 'accuracy', 0, { interval: [0, 0.7935], items: 1 }]],
    true,
  ]);
  assert.ok(existsSync(path.join(folder, 'hostile')));
  assert.deepEqual((read(path.join(folder, 'hostile')) as unknown[])[0], 'mine`: [x]/final');
});

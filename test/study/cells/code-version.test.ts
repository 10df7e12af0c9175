/** Which code a run's numbers come from: moves are free, one changed line is not, and of rewards only the cell's own count. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { REWARDS, type RewardName } from '../../../lib/rewards/rewards.js';
import { nameOfScorer, SCORERS, type ScorerName } from '../../../lib/rewards/scorers.js';
import {
  type CodeSources,
  type CodeVersion,
  changedSources,
  contentDigest,
  importedModules,
  measuringCode,
  NATIVE_SOURCES,
  ROOTS,
  type TrainingParts,
  tableEntry,
  trainingCode,
} from '../../../lib/study/cells/code-version.js';
import { repositoryRoot } from '../../../lib/study/workspace.js';
import { TASKS } from '../../../lib/tasks/tasks.js';

const LIB = path.join(repositoryRoot(), 'lib');

function nativeSources(module: string): string[] {
  return (NATIVE_SOURCES[module] ?? []).map((file) => readFileSync(path.join(LIB, file), 'utf8'));
}

/** Every source of lib by its name, its C++ included. */
const KIT: ReadonlyMap<string, string> = new Map(
  readdirSync(LIB, { recursive: true, encoding: 'utf8' })
    .map((file) => file.split(path.sep).join('/'))
    .filter((file) => file.endsWith('.ts') && !/^(dist|node_modules)\//.test(file))
    .map((file) => [file.replace(/\.ts$/, ''), readFileSync(path.join(LIB, file), 'utf8')] as const)
    .map(([name, source]) => [name, [source, ...nativeSources(name)].join('\n')]),
);

function sourcesOf(files: ReadonlyMap<string, string>, roots: CodeSources['roots'] = ROOTS): CodeSources {
  const read = (name: string) => {
    const source = files.get(name);
    assert.ok(source !== undefined, `there is no lib/${name}.ts`);
    return source;
  };
  return { roots, read };
}

/** The kit with one source changed. @throws Error when the text is not in it */
function changedKit(name: string, text: string | RegExp, replacement: string): CodeSources {
  const source = KIT.get(name)!;
  const changed = source.replace(text, replacement);
  assert.ok(changed !== source, `${name} does not hold ${text}`);
  return sourcesOf(new Map([...KIT, [name, changed]]));
}

const GRPO: TrainingParts = { kind: 'grpo', rewards: ['accuracy_reward', 'format_reward'] };
const SFT: TrainingParts = { kind: 'sft' };
const VALIDATED: TrainingParts = { ...GRPO, scorer: 'answer' };
const WITH_CURVE: TrainingParts = { ...VALIDATED, evaluation: 'curve' };

/** The versions of all that a study can run, by what they are of. */
function allVersions(sources: CodeSources): { [run: string]: string } {
  const rewards = Object.keys(REWARDS) as RewardName[];
  const scorers = Object.keys(SCORERS) as ScorerName[];
  const versions: { [run: string]: CodeVersion } = {
    sft: trainingCode(SFT, sources),
    'sft, validated': trainingCode({ ...SFT, scorer: 'transformation' }, sources),
    ...Object.fromEntries(rewards.map((name) => [name, trainingCode({ kind: 'grpo', rewards: [name] }, sources)])),
    ...Object.fromEntries(scorers.map((name) => [`validation ${name}`, measuringCode('validation', name, sources)])),
    'with a curve': trainingCode(WITH_CURVE, sources),
    reading: measuringCode('reading', undefined, sources),
    ...Object.fromEntries(scorers.map((name) => [`evaluation ${name}`, measuringCode('evaluation', name, sources)])),
  };
  return Object.fromEntries(Object.entries(versions).map(([run, { version }]) => [run, version]));
}

/** The kit with a module under another name, which all imports and roots follow. */
function movedKit(from: string, to: string): CodeSources {
  const files = new Map<string, string>();
  for (const [name, source] of KIT) {
    const isConcerned = name === from || source.includes(`/${path.posix.basename(from)}.js'`);
    const home = name === from ? to : name;
    if (!isConcerned) {
      files.set(name, source);
      continue;
    }
    const relocated = source.replaceAll(
      /(from |^import )'(\.[^']+)\.js'/gm,
      (_, keyword: string, specifier: string) => {
        const target = path.posix.join(path.posix.dirname(name), specifier);
        const relative = path.posix.relative(path.posix.dirname(home), target === from ? to : target);
        return `${keyword}'${relative.startsWith('.') ? relative : `./${relative}`}.js'`;
      },
    );
    files.set(home, relocated);
  }
  const roots = Object.fromEntries(Object.entries(ROOTS).map(([root, name]) => [root, name === from ? to : name]));
  return sourcesOf(files, roots as unknown as CodeSources['roots']);
}

test('comments, blank lines, indentation and the paths of imports are no change; a digit, an imported name and a package are', () => {
  const source =
    "import { one } from './one.js';\nimport { two } from 'two';\n\n/** Adds. */\nexport function add(a: number) {\n  // One.\n  return a + 1;\n}\n";
  const same =
    "import type { D } from './d.js';\nimport { two } from 'two';\nimport { one, type Three } from '../room/uno.js';\n/**\n * Adds one.\n * @param a 2 * 3\n */\nexport function add(a: number) {\n\n      return a + 1;\n}\n";
  assert.equal(contentDigest(source), contentDigest(same));
  assert.notEqual(contentDigest(source), contentDigest(source.replace('a + 1', 'a + 2')));
  assert.notEqual(contentDigest(source), contentDigest(source.replace('{ one }', '{ other as one }')));
  assert.notEqual(contentDigest(source), contentDigest(source.replace("'two'", "'three'")));
  // A product that is broken over lines is no comment.
  assert.notEqual(contentDigest('const a = b *\n  c;\n'), contentDigest('const a = b *\n  d;\n'));
});

test('imports are followed, types are not, and an import while code runs is refused', () => {
  const source = [
    "import path from 'node:path';",
    "import { type A, one } from './one.js';",
    "import {\n  type B,\n  type C,\n} from '../types.js';",
    "import type { D } from './d.js';",
    "import * as all from '../other/all.js';",
    "import './effect.js';",
    "export * from './again.js';",
    "export { low as high } from './low.js';",
    "export const text = 'from x';",
  ].join('\n');
  assert.deepEqual(importedModules('train/x', source), [
    { names: ['one'], module: 'train/one' },
    { names: ['* as all'], module: 'other/all' },
    { names: [], module: 'train/effect' },
    { names: ['*'], module: 'train/again' },
    { names: ['low as high'], module: 'train/low' },
  ]);
  assert.throws(() => importedModules('train/x', "const a = await import('./late.js');"), /import it at the top/);
});

test('to move or rename any file that runs execute changes no identity', () => {
  const everything: TrainingParts = { kind: 'grpo', rewards: Object.keys(REWARDS) as RewardName[], scorer: 'answer' };
  const versions = (sources: CodeSources) => [
    trainingCode(SFT, sources),
    trainingCode(everything, sources),
    measuringCode('evaluation', 'transformation', sources),
    measuringCode('validation', 'released_answer', sources),
    trainingCode(WITH_CURVE, sources),
    measuringCode('reading', undefined, sources),
  ];
  const known = versions(sourcesOf(KIT));
  const files = new Set([...known.flatMap((code) => Object.keys(code.files)), ...Object.values(ROOTS)]);
  assert.ok(files.size > 60, 'the files of engine, model, train, evaluate, rewards and cells');
  for (const name of files) {
    const to = `${name.startsWith('train/') ? 'model/inner' : 'train/other'}/a-${path.posix.basename(name)}`;
    versions(movedKit(name, to)).forEach((code, run) => {
      assert.equal(code.version, known[run]!.version, `${name} moved to ${to}`);
      assert.deepEqual(changedSources(known[run]!, code), []);
    });
  }
});

/** Functions that GRPO runs, with a line of each and what that becomes. */
const GRPO_LINES: readonly [name: string, file: string, line: string | RegExp, changed: string][] = [
  ['batchOf', 'train/batches', 'order[k %', 'order[(k + 1) %'],
  ['batchOf', 'train/batches', 'k = index * batchSize', 'k = 1 + index * batchSize'],
  ['tokensBefore', 'train/batches', 'index - 1]?.num_tokens', 'index]?.num_tokens'],
  ['partParameters', 'train/batches', '!adapted ||', 'adapted ||'],
  ['groupAdvantages', 'train/advantage', '(r - centre)', '(centre - r)'],
  ['policyTerms', 'train/policy-loss', 'tf.neg(gain)', 'gain'],
  ['policyGradients', 'train/policy-update', 'Math.max(1, sum(', 'Math.max(2, sum('],
  ['policyStep', 'train/policy-step', 'if (beta > 0) loss = tf.add(', 'if (beta > 0) loss = tf.sub('],
  ['rollOut', 'train/rollout', '`refill/', '`fill/'],
  ['learningRateAt', 'train/schedule', '1 + Math.cos(', '1 - Math.cos('],
  ['AdamW', 'train/adamw', 'beta2: 0.999', 'beta2: 0.99'],
  ['trainGrpo', 'train/grpo', 'pass < settings.updatesPerRollout', 'pass <= settings.updatesPerRollout'],
  ['gradientsOf', 'train/gradients', 'tf.zerosLike(', 'tf.onesLike('],
  ['trainFromStart', 'study/cells/start-model', 'if (lora) addAdapters(', 'if (!lora) addAdapters('],
  ['encodeGrpoRows', 'study/cells/encode-rows', 'id: row.id, prompt: encodeRow', 'id: row.prompt, prompt: encodeRow'],
  ['scoreCompletions', 'train/score-completions', 'values[index] = checked.value', 'values[index] = null'],
  ['checkOutput', 'train/reward-output', 'value: Number(value)', 'value: 2 * Number(value)'],
];

for (const [name, file, line, changed] of GRPO_LINES) {
  test(`one line of ${name}, which GRPO runs, makes GRPO cells stale: ${line}`, () => {
    const other = changedKit(file, line, changed);
    assert.notEqual(trainingCode(GRPO, other).version, trainingCode(GRPO).version);
    assert.notEqual(trainingCode(VALIDATED, other).version, trainingCode(VALIDATED).version);
  });
}

const SFT_LINES: readonly [name: string, file: string, line: string | RegExp, changed: string][] = [
  ...GRPO_LINES.filter(([, file]) => file === 'train/batches'),
  ['trainSft', 'train/sft', 'trained: completion.map(() => true)', 'trained: completion.map(() => false)'],
  ['packSamples', 'train/packing', 'used + length <= limit', 'used + length < limit'],
  ['likelihoodGradients', 'train/likelihood-update', '1 / trained', '2 / trained'],
  ['likelihoodStep', 'train/likelihood', 'tf.neg(tf.sum(', 'tf.abs(tf.sum('],
  ['encodeSftRows', 'study/cells/encode-rows', 'row.completion)', 'row.prompt)'],
];

for (const [name, file, line, changed] of SFT_LINES) {
  test(`one line of ${name}, which SFT runs, makes SFT cells stale: ${line}`, () => {
    assert.notEqual(trainingCode(SFT, changedKit(file, line, changed)).version, trainingCode(SFT).version);
  });
}

test('SFT does not run GRPO, nor GRPO SFT; only validated cells run validation', () => {
  const grpoOnly = changedKit('train/policy-loss', 'tf.neg(gain)', 'gain');
  assert.equal(trainingCode(SFT, grpoOnly).version, trainingCode(SFT).version);
  const sftOnly = changedKit(
    'train/sft',
    'trained: completion.map(() => true)',
    'trained: completion.map(() => false)',
  );
  assert.equal(trainingCode(GRPO, sftOnly).version, trainingCode(GRPO).version);
  const validation = changedKit(
    'study/cells/validation',
    '(await scoreCompletion(score, text, item.row)) === 1',
    'true',
  );
  assert.equal(trainingCode(GRPO, validation).version, trainingCode(GRPO).version);
  assert.notEqual(trainingCode(VALIDATED, validation).version, trainingCode(VALIDATED).version);
  assert.equal(trainingCode(WITH_CURVE, validation).version, trainingCode(WITH_CURVE).version);
  const curve = changedKit('study/cells/learning-curve', '(i * length) / taken', '(i * length) / count');
  assert.equal(trainingCode(VALIDATED, curve).version, trainingCode(VALIDATED).version);
  assert.notEqual(trainingCode(WITH_CURVE, curve).version, trainingCode(WITH_CURVE).version);
});

test('a reading depends on what counts as worked out, and on nothing that draws rows', () => {
  const before = measuringCode('reading', undefined);
  for (const [file, line, changed] of [
    ['tasks/worked-out', 'value: ', 'values: '],
    ['study/cells/reading', 'temperature: 1', 'temperature: 0.9'],
    ['train/policy-update', 'LENGTH_STEP = 128', 'LENGTH_STEP = 64'],
  ] as const)
    assert.notEqual(measuringCode('reading', undefined, changedKit(file, line, changed)).version, before.version, file);
  const drawing =
    /^tasks\/.*(sample|task|tasks|draw|families|perception)|^(data|plots|pretrain|setup|cli|bench)\/|^study\/(?!cells)/;
  assert.deepEqual(
    Object.keys(before.files).filter((name) => drawing.test(name) && name !== 'tasks/worked-out'),
    [],
  );
});

test('a cell depends on the rewards and the scorer that it names and on no others', () => {
  const before = trainingCode(GRPO).version;
  for (const [file, line, changed] of [
    ['rewards/length', '0.05', '0.06'],
    ['rewards/symbolic', 'LONGEST = 200', 'LONGEST = 201'],
    ['rewards/released/format', 'return 1', 'return 2'],
    ['rewards/score-transformation', "'partial'", "'full-only'"],
  ] as const)
    assert.equal(trainingCode(GRPO, changedKit(file, line, changed)).version, before, file);
  for (const [file, line, changed] of [
    ['rewards/accuracy', 'sameDecimal(answer, gold) ? 1', 'sameDecimal(answer, gold) ? 2'],
    ['rewards/format', "'answer']", "'answers']"],
    ['rewards/extract-answer', 'open + 8', 'open + 9'],
    ['rewards/rewards', 'format_reward: formatReward,', 'format_reward: releasedFormatReward,'],
  ] as const)
    assert.notEqual(trainingCode(GRPO, changedKit(file, line, changed)).version, before, file);
  // A new reward: a file, an import and a line of the table.
  const table = KIT.get('rewards/rewards')!;
  const extended = table
    .replace('import { formatReward }', "import { politeReward } from './polite.js';\nimport { formatReward }")
    .replace('  format_reward:', '  polite_reward: politeReward,\n  format_reward:');
  const polite = 'export function politeReward(text: string): number {\n  return Number(/please/.test(text));\n}\n';
  const withPolite = sourcesOf(new Map([...KIT, ['rewards/rewards', extended], ['rewards/polite', polite]]));
  const known = allVersions(sourcesOf(KIT));
  assert.deepEqual(allVersions(withPolite), known);
  const asked = trainingCode({ kind: 'grpo', rewards: ['polite_reward' as RewardName] }, withPolite);
  assert.ok('rewards/polite' in asked.files && !('rewards/format' in asked.files));
  // The scorer of validation and of evaluations.
  const answer = changedKit(
    'rewards/score-answer',
    'accuracyReward({ completion,',
    'accuracyReward({ completion: completion.trim(),',
  );
  assert.notEqual(trainingCode(VALIDATED, answer).version, trainingCode(VALIDATED).version);
  assert.notEqual(measuringCode('evaluation', 'answer', answer).version, measuringCode('evaluation', 'answer').version);
  assert.equal(
    measuringCode('evaluation', 'transformation', answer).version,
    measuringCode('evaluation', 'transformation').version,
  );
});

test('the table leads to the very function that runs, for every reward and scorer; another form of line is refused', async () => {
  const kit = sourcesOf(KIT);
  for (const [table, functions] of [
    [ROOTS.rewards, REWARDS],
    [ROOTS.scorers, SCORERS],
  ] as const) {
    for (const [name, live] of Object.entries(functions)) {
      const { module, exportName } = tableEntry(kit, table, name);
      const held = (await import(path.join(LIB, `${module}.ts`))) as { [name: string]: unknown };
      assert.equal(held[exportName], live, name);
    }
  }
  const inline = changedKit(
    'rewards/rewards',
    'format_reward: formatReward,',
    'format_reward: (text) => formatReward(text),',
  );
  assert.throws(() => trainingCode(GRPO, inline), /needs a line 'format_reward: aFunction,'/);
});

test('to import a name from another module is a change, though both modules are reached already', () => {
  const files = new Map([
    ['a', "import { f } from './b.js';\nimport { g } from './c.js';\nf(g());\n"],
    ['b', 'export const f = () => 1;\nexport const g = () => 2;\n'],
    ['c', 'export const g = () => 3;\n'],
  ]);
  const roots = { ...ROOTS, sft: 'a' } as unknown as CodeSources['roots'];
  const before = trainingCode(SFT, sourcesOf(files, roots));
  files.set('a', "import { f, g } from './b.js';\nimport './c.js';\nf(g());\n");
  assert.notEqual(trainingCode(SFT, sourcesOf(files, roots)).version, before.version);
});

test('no run reaches what draws rows, makes figures or writes down for people', () => {
  const parts: TrainingParts = { kind: 'grpo', rewards: Object.keys(REWARDS) as RewardName[], scorer: 'answer' };
  for (const { files } of [
    trainingCode(parts),
    trainingCode({ ...SFT, scorer: 'transformation' }),
    trainingCode(WITH_CURVE),
    measuringCode('evaluation', 'answer'),
    measuringCode('validation', 'released_answer'),
  ]) {
    const strange = Object.keys(files).filter((name) =>
      /^(tasks|data|plots|pretrain|setup|cli|bench)\/|^study\/(?!cells)|^train\/(environment|event-file|warnings|completions|run-)/.test(
        name,
      ),
    );
    assert.deepEqual(strange, []);
  }
});

test('every task is scored by a scorer that has a name', () => {
  for (const { score, releasedScore } of Object.values(TASKS)) {
    assert.equal(SCORERS[nameOfScorer(score)], score);
    assert.equal(SCORERS[nameOfScorer(releasedScore)], releasedScore);
  }
  assert.throws(() => nameOfScorer(() => 1), /no name in SCORERS/);
});

test('C++ that a module executes counts as part of the module', () => {
  const module = 'engine/decode-operations';
  const own = trainingCode(GRPO);
  assert.ok(nativeSources(module).length > 0 && own.files[module] !== undefined, 'a weak test');
  assert.deepEqual(trainingCode(GRPO, sourcesOf(KIT)), own);
  const changed = trainingCode(GRPO, changedKit(module, 'out[i] /= total;', 'out[i] /= total + 1;'));
  assert.deepEqual(changedSources(own, changed), [module]);
});

test('what changed is named; a file that was moved is no change', () => {
  const before = { version: 'a', files: { 'train/x': '1', 'train/y': '2', 'train/gone': '3', 'train/moved': '6' } };
  const now = { version: 'b', files: { 'train/x': '1', 'train/y': '4', 'train/new': '5', 'model/moved': '6' } };
  assert.deepEqual(changedSources(before, now), ['train/gone', 'train/new', 'train/y']);
});

/** Whether lib was compiled since these sources were changed; `npm test` does so first. */
function isBuilt(names: readonly string[]): boolean {
  return names.every((name) => {
    const map = path.join(LIB, 'dist', `${name}.js.map`);
    if (!existsSync(map)) return false;
    const { sourcesContent } = JSON.parse(readFileSync(map, 'utf8')) as { sourcesContent?: string[] };
    return sourcesContent?.[0] === readFileSync(path.join(LIB, `${name}.ts`), 'utf8');
  });
}

const names = ['study/cells/code-version', ...Object.values(ROOTS), ...Object.keys(trainingCode(VALIDATED).files)];
const skip = isBuilt(names) ? false : 'lib is not built from these sources: npm run build';
test('the built package has the versions of its sources', { skip }, () => {
  const built = path.join(LIB, 'dist', 'study', 'cells', 'code-version.js');
  const other = require(built) as typeof import('../../../lib/study/cells/code-version.js');
  for (const parts of [GRPO, SFT, VALIDATED]) assert.deepEqual(other.trainingCode(parts), trainingCode(parts));
  assert.deepEqual(other.measuringCode('evaluation', 'answer'), measuringCode('evaluation', 'answer'));
});

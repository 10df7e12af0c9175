/** Results from finished cells: folders laid out as runs leave them, with outcomes whose shares are known. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { writeFileAtomic } from '../../../lib/engine/atomic-write.js';
import { summarize } from '../../../lib/evaluate/evaluate.js';
import type { TaskRecord } from '../../../lib/records/record.js';
import { imageNames, writeRecords } from '../../../lib/records/records.js';
import type { BaseCell, Cell } from '../../../lib/study/cells/cell.js';
import { evaluationFile, heldOutFile } from '../../../lib/study/cells/cell-identity.js';
import { openCellRun } from '../../../lib/study/cells/run-cell.js';
import { curateTrainingRows } from '../../../lib/study/data/curate-rows.js';
import { dataFolder, recordsFile, writeStudyData } from '../../../lib/study/data/data-folder.js';
import {
  type AnyTestRows,
  drawTestRows,
  pretrainingScenes,
  sampleTestRows,
  sampleTrainingRows,
  sceneFingerprintOf,
} from '../../../lib/study/data/draw-rows.js';
import { ablationBase, ablationCells, startMeasure } from '../../../lib/study/design/ablations.js';
import { efficiencyCell } from '../../../lib/study/design/data-efficiency.js';
import {
  PARADIGM_PROMPTS,
  paradigmCell,
  stageOneCell,
  type TrainedParadigm,
} from '../../../lib/study/design/paradigms.js';
import { otherWordsCell, shuffledLabelsCell, studyGrid } from '../../../lib/study/design/study-grid.js';
import { coinSentences } from '../../../lib/study/results/coin.js';
import { computeResults } from '../../../lib/study/results/compute-results.js';
import { studyLeakage } from '../../../lib/study/results/leakage.js';
import { readResults, resultsFile, writeResults } from '../../../lib/study/results/results.js';
import { studyResultsText } from '../../../lib/study/results/results-text.js';
import { openStudy, type Study } from '../../../lib/study/workspace.js';
import type { PromptStyle } from '../../../lib/tasks/prompts.js';
import { TASK_NAMES, type TaskName, type TestSet, testSetsOf } from '../../../lib/tasks/tasks.js';

const study = openStudy('tiny', mkdtempSync(path.join(tmpdir(), 'reason-rft-results-')));
after(() => rmSync(study.folder, { recursive: true, force: true }));

before(async () => {
  const tests = sampleTestRows(study, 'counting');
  await writeStudyData(study, curateTrainingRows(study, sampleTrainingRows(study, 'counting'), tests).kept, tests);
});

/** Writes the folder of a finished run: its steps with these accuracy and format rewards. */
function finish(
  cell: Cell,
  seconds = 10,
  rewards: (step: number) => [accuracy: number, format: number] = () => [0, 1],
) {
  const run = openCellRun(study, cell);
  for (let step = 0; step < 60; step++) {
    const [accuracy, format] = rewards(step);
    const rewardMeans = { 'rewards/accuracy_reward/mean': accuracy, 'rewards/format_reward/mean': format };
    run.append('metrics.jsonl', [{ step: step + 1, ...rewardMeans, 'completions/mean_length': 12 }]);
  }
  run.finish({ checkpoint: '', trainingRows: 1, wallSeconds: seconds, tokens: 100, seed: 1, steps: 60 });
}

/** Outcomes on 8 items of which the first so many are right; of tiny's test sets of counting, each has 8. */
function evaluate(cell: Cell | BaseCell, set: TestSet, style: PromptStyle, right: number, of = 8) {
  const items = Array.from({ length: of }, (_, i) => ({
    ...{ id: `${set}-${i}`, family: 'f', solution: '3', score: Number(i < right), correct: i < right },
    ...{ completion: `<think>2</think><answer>${i < right ? 3 : 4}</answer>`, formatted: true, tokens: 9, ended: true },
  }));
  writeFileAtomic(evaluationFile(study, cell, set, style), JSON.stringify(summarize(items)));
}

const both = (cell: Cell | BaseCell, style: PromptStyle, id: number, ood: number) => {
  evaluate(cell, 'id', style, id);
  evaluate(cell, 'ood', style, ood);
};

test('before anything is trained everything is missing, and no folder is made', () => {
  const results = computeResults(study);
  assert.deepEqual(
    results.missing,
    studyGrid(study).map(({ name }) => name),
  );
  assert.deepEqual(
    [results.paradigms, results.efficiency, results.ablations, results.controls, results.words],
    [[], [], [], [], []],
  );
  assert.deepEqual(
    results.claims.map(({ task, verdict }) => `${task} ${verdict}`),
    ['counting missing', 'counting missing', 'counting missing'],
  );
  assert.deepEqual(
    results.phenomena.map(({ seen }) => seen),
    [null, null, null],
  );
  assert.ok(!readdirSync(study.folder).includes('cells'));
  assert.throws(() => readResults(study), /reason-rft results --profile tiny/);
});

test('paradigms: means and intervals over seeds, what stages cost together; a seed that is missing is left out', () => {
  const zeroShot = paradigmCell(study, 'zero-shot', 'counting');
  both(zeroShot, 'direct', 2, 1);
  both(zeroShot, 'think', 0, 0);
  for (const seed of [1, 2]) {
    const start = stageOneCell(study, 'counting', seed);
    finish(start, 5);
    both(start, 'think', 1, 1);
    const right: { [paradigm in TrainedParadigm]: number } = {
      'ans-sft': 1,
      'cot-sft': 2,
      'cot-sft-dft': 3,
      'no-thinking-rft': 3,
      'reason-rft-zero': 4,
      'reason-rft': 5 + seed,
    };
    for (const [paradigm, count] of Object.entries(right) as [TrainedParadigm, number][]) {
      const cell = paradigmCell(study, paradigm, 'counting', seed);
      finish(cell, 10 * seed, (step) => [step < 30 ? 0.2 : 0.4, step < 10 ? 0.1 : 0.9]);
      if (seed === 1 || paradigm !== 'ans-sft') both(cell, PARADIGM_PROMPTS[paradigm], count, count);
    }
  }
  const results = computeResults(study);
  const resultOf = (paradigm: string) =>
    results.paradigms.find((row) => row.paradigm === paradigm && row.testSet === 'id')!;
  const rft = resultOf('reason-rft');
  assert.deepEqual([rft.accuracy.perSeed, rft.accuracy.mean, rft.accuracy.items], [[6 / 8, 7 / 8], 6.5 / 8, 8]);
  // t(1) = 12.706 x 0.0884 / 1.414 = 0.79: cut to 1 above, 0.02 or less below.
  assert.equal(rft.accuracy.interval[1], 1);
  assert.deepEqual([rft.seeds, rft.trainingRows], [[1, 2], 48]);
  // Seeds take 10 and 20 s, and 5 of stage 1: (15 + 25) / 2; tokens 100 and 100.
  assert.deepEqual([rft.wallSeconds, rft.tokens], [20, 200]);
  assert.deepEqual([resultOf('cot-sft').wallSeconds, resultOf('cot-sft').formatted.mean], [15, 1]);
  assert.deepEqual([resultOf('ans-sft').seeds, resultOf('ans-sft').accuracy.perSeed], [[1], [1 / 8]]);
  assert.deepEqual(
    [resultOf('zero-shot').seeds, resultOf('zero-shot').accuracy.perSeed, resultOf('zero-shot').trainingRows],
    [[], [0.25], 0],
  );
  assert.deepEqual([resultOf('no-thinking-rft').accuracy.mean, resultOf('no-thinking-rft').seeds], [3 / 8, [1, 2]]);
  assert.ok(
    results.missing.includes('counting/ans-sft/seed 2') && !results.missing.includes('counting/cot-sft/seed 2'),
  );
  assert.ok(!results.missing.includes('counting/zero-shot') && results.missing.includes('structure/zero-shot'));
});

test('claims: missing while a seed is; then from all of them, the reinforcement by the trained reward', () => {
  const verdicts = () => Object.fromEntries(computeResults(study).claims.map((each) => [each.claim, each]));
  assert.equal(verdicts().generalization!.verdict, 'missing');
  both(paradigmCell(study, 'ans-sft', 'counting', 2), 'bare', 1, 1);
  const { generalization, reinforcement, 'data efficiency': efficiency } = verdicts();
  assert.equal(efficiency!.verdict, 'missing');
  // Two seeds at 6/8 and 7/8 reach from 0: nothing is shown.
  assert.equal(generalization!.verdict, 'not shown');
  assert.deepEqual(
    generalization!.comparisons.map(({ testSet, second, difference }) => [testSet, second, difference.mean]),
    [
      ['ood', 'CoT-SFT', 4.5 / 8],
      ['ood', 'ANS-SFT', 5.5 / 8],
    ],
  );
  // CoT-SFT (DFT) has 3 of 8 with both seeds. It is reported, and no verdict waits for it.
  const [beside, ...others] = generalization!.beside!;
  assert.deepEqual([beside!.second, beside!.difference.mean, others], ['CoT-SFT (DFT)', 3.5 / 8, []]);
  assert.match(
    generalization!.text,
    /\. No part of the verdict: out of domain, Reason-RFT is not told apart from CoT-SFT \(DFT\), with 81\.3 %/,
  );
  // Zero has 4 of 8 with both seeds, 0.5 +- 0.35, zero-shot none of 8: Wilson's 0 to 0.32. They overlap.
  const [first, second] = reinforcement!.comparisons;
  assert.deepEqual(
    [first!.difference.perSeed, second!.difference.perSeed],
    [
      [5 / 8, 6 / 8],
      [4 / 8, 4 / 8],
    ],
  );
  assert.equal(reinforcement!.verdict, 'not shown');
  // Seen in the rewards that were logged: format by step 11, accuracy at step 31.
  const seen = Object.fromEntries(computeResults(study).phenomena.map((each) => [each.phenomenon, each.seen]));
  assert.deepEqual(seen, {
    'transient adaptation gap': false,
    'greedy reward stratification': true,
    'reasoning redundancy': false,
  });
});

test('efficiency has a point for each size that is there; all rows are the paradigm’s own cells', () => {
  const few = efficiencyCell(study, 'cot-sft', 2, 'counting', 2);
  finish(few);
  both(few, 'think', 3, 1);
  const points = computeResults(study).efficiency.filter(({ testSet }) => testSet === 'id');
  assert.deepEqual(
    points.map(({ rows, paradigm, accuracy, seeds }) => [rows, paradigm, accuracy.mean, seeds]),
    [
      [2, 'cot-sft', 3 / 8, [2]],
      // One pass over 16 rows, which is stage 1; its size has seed 1 alone.
      [16, 'cot-sft', 1 / 8, [1]],
      [48, 'ans-sft', 1 / 8, [1, 2]],
      [48, 'cot-sft', 2 / 8, [1, 2]],
      [48, 'reason-rft-zero', 4 / 8, [1, 2]],
      [48, 'reason-rft', 6.5 / 8, [1, 2]],
    ],
  );
});

test('ablations: the base in each, differences on the same items, pass@k of start checkpoints, and what it shows', () => {
  const base = ablationBase(study, 'counting');
  finish(base);
  both(base, 'think', 2, 4);
  const cells = ablationCells(study, 'counting');
  const settings = startMeasure(study, 'counting')!;
  for (const { cell, setting } of cells.filter((each) =>
    ['G = 2', '2 passes', 'coin + format'].includes(each.setting),
  )) {
    finish(cell);
    both(cell, 'think', setting === 'G = 2' ? 8 : 2, 4);
  }
  for (const { cell, base: own } of cells.filter(({ ablation }) => ablation === 'Start checkpoint')) {
    const start = cell.start as Cell;
    writeFileAtomic(heldOutFile(study, start, settings), JSON.stringify({ accuracy: 0, 'pass@2': own ? 0.5 : 0.25 }));
  }
  const { ablations, findings } = computeResults(study);
  const id = ablations.filter(({ testSet }) => testSet === 'id');
  assert.equal(id.filter((point) => point.base).length, 9);
  assert.deepEqual(
    id.filter(({ ablation }) => ablation === 'Group size').map((p) => [p.setting, p.base, p.difference?.mean]),
    [
      ['G = 2', false, 0.75],
      ['G = 4', true, undefined],
    ],
  );
  assert.deepEqual(
    id.filter(({ ablation }) => ablation === 'Start checkpoint').map((p) => [p.setting, p.startPassAtK?.mean]),
    [
      ['1 pass', 0.5],
      ['2 passes', 0.25],
    ],
  );
  const text = Object.fromEntries(findings.map((each) => [each.ablation, each.text]));
  // 6 of 8 items differ: 0.75 +- 1.96 x 0.463 / sqrt(8) = 0.32. Out of domain both have 4.
  assert.match(
    text['Group size']!,
    /^In domain, G = 4 has 25\.0 % \[.*\]; from it one can tell apart G = 2 \(\+75\.0 points \[42\.9, 107\.1\]\)\. Out of domain, G = 4 has 50\.0 % \[.*\]; from it one cannot tell apart G = 2 \(\+0\.0 points/,
  );
  assert.match(text['KL weight']!, /^In domain, 0\.04 has 25\.0 % \[.*\], and no other setting is finished\./);
  // Both runs have 2 of 8 in domain and 4 of 8 out of domain.
  const [coin, ...others] = coinSentences(ablations);
  assert.deepEqual([coin!.task, others], ['counting', []]);
  assert.match(
    coin!.text,
    /\(coin \+ format in place of accuracy \+ format\), the same GRPO reaches 25\.0 % \[.*\] against 25\.0 % \[.*\] in domain \(difference \+0\.0 points .*\) and 50\.0 % \[.*\] against 50\.0 % \[.*\] out of domain/,
  );
  assert.match(text['Start checkpoint']!, /start from 1 pass \(50\.0 % .*\); it is the most accurate/);
});

test('the control is held against the best constant answers, and shown beside them', () => {
  const cell = shuffledLabelsCell(study, 'counting', 1);
  finish(cell);
  evaluate(cell, 'id', 'bare', 1);
  evaluate(cell, 'ood', 'bare', 100, 100);
  const [id, ood] = computeResults(study).controls;
  assert.deepEqual([id!.testSet, id!.accuracy.mean, id!.holds], ['id', 1 / 8, true]);
  // All of 100 items right: Wilson's interval begins at 100 / (100 + 1.96^2) = 0.963, above what the best constants reach.
  assert.ok(ood!.chance < 1 && !ood!.holds);
  assert.match(
    ood!.text,
    /100\.0 % \[96\.3, 100\.0\] out of domain\. That is above chance: the best constant answers score \d/,
  );
});

test('whose words: CoT-SFT on the same rows, the first seed; the control is in the words that the study does not use', () => {
  for (const [cell, id] of [
    [otherWordsCell(study, 'counting', 1), 6],
    [paradigmCell(study, 'cot-sft', 'counting', 1), 2],
  ] as const) {
    finish(cell);
    both(cell, 'think', id, 3);
  }
  const [id, ood] = computeResults(study).words;
  // 6 of 8 items less 2 of 8; out of domain 3 of 8 both.
  assert.deepEqual([id!.testSet, id!.own.mean, id!.annotators.mean, id!.difference.mean], ['id', 0.75, 0.25, 0.5]);
  assert.equal(ood!.difference.mean, 0);
  assert.match(
    id!.text,
    /has 25\.0 % \[.*\] in domain with rationales in an annotator's words, which the study trains on, and 75\.0 % \[.*\] with the base model's own on/,
  );
  // The same two cells for a study that trains on the base model's own words: only what is the control changes.
  const ablations = { ...study.profile.ablations, names: ['Reward'] as const };
  const own = { ...study, profile: { ...study.profile, rationales: 'own', ablations } } as Study;
  const [other] = computeResults(own, { tasks: ['counting'], parts: ['controls'], ablations: [] }).words;
  assert.deepEqual([other!.own.mean, other!.annotators.mean, other!.studied], [0.75, 0.25, 'own']);
  assert.match(
    other!.text,
    /has 75\.0 % \[.*\] in domain with rationales in the base model's own words, which the study trains on, and 25\.0 % \[.*\] with an annotator's on/,
  );
});

/** Records where a study keeps them, with empty files for images: leakage is looked for in what records say. */
function writeRecordsAlone(into: Study, task: TaskName, train: readonly TaskRecord[], tests: AnyTestRows) {
  mkdirSync(path.join(dataFolder(into, task), 'images'), { recursive: true });
  for (const [set, rows] of Object.entries({ train, ...tests })) {
    for (const name of rows.flatMap(imageNames)) writeFileSync(path.join(dataFolder(into, task), 'images', name), '');
    writeRecords(recordsFile(into, set as TestSet, task), rows);
  }
}

test('no test item is shown or asked in a row that any cell trains on, in any task; had one been, it would be found', () => {
  assert.deepEqual(computeResults(study).leakage, [
    { task: 'counting', testItems: 16, trainingRows: 48, sharedScenes: 0, sharedQuestions: 0, pretrainedScenes: 0 },
  ]);
  const other = { ...study, folder: path.join(study.folder, 'other') };
  // One of its base models was pretrained on the scene of a test item.
  const pretrained = path.join(study.folder, 'pretrained');
  const leaky = { ...study, folder: path.join(study.folder, 'leaky'), bases: { never: pretrained } };
  mkdirSync(pretrained);
  for (const task of TASK_NAMES) {
    const tests: AnyTestRows = drawTestRows(study.profile, task, pretrainingScenes(study));
    const { kept } = curateTrainingRows(other, sampleTrainingRows(other, task), tests);
    writeRecordsAlone(other, task, kept, tests);
    const items = 8 * testSetsOf(task).length;
    const none = { task, testItems: items, trainingRows: 48, sharedScenes: 0, sharedQuestions: 0, pretrainedScenes: 0 };
    assert.deepEqual(studyLeakage(other, task), none);
    // In place of the first 8 rows the items of a test set: the other sets share no scene with it.
    const leaked = tests.id!.map((row) => ({ ...row, id: `leaked-${row.id}` }));
    writeRecordsAlone(leaky, task, [...leaked, ...kept.slice(8)], tests);
    writeFileSync(path.join(pretrained, 'pretraining-scenes.txt'), `${sceneFingerprintOf(tests.id![0]!)}\n`);
    assert.deepEqual(studyLeakage(leaky, task), { ...none, sharedScenes: 8, sharedQuestions: 8, pretrainedScenes: 1 });
  }
});

test('a part of the study: other parts, tasks and ablations are neither reported nor missed', () => {
  const selection = { tasks: ['counting'], parts: ['paradigms', 'ablations'], ablations: ['Group size'] } as const;
  const [whole, part] = [computeResults(study), computeResults(study, selection)];
  assert.deepEqual(part.selection, selection);
  assert.equal(whole.selection, undefined);
  assert.deepEqual(part.paradigms, whole.paradigms);
  assert.deepEqual(
    part.ablations,
    whole.ablations.filter(({ ablation }) => ablation === 'Group size'),
  );
  assert.deepEqual([part.efficiency, part.controls, part.words], [[], [], []]);
  // The claim of data efficiency rests on a part that is not selected.
  assert.deepEqual(
    part.claims.map(({ claim }) => claim),
    ['generalization', 'reinforcement'],
  );
  assert.ok(whole.missing.includes('counting/cot-sft/8 rows/seed 1'));
  // G = 8, the largest, is not trained above; all else of this part is.
  assert.deepEqual(part.missing, ['counting/ablation/Group size: G = 8/seed 1']);
});

test('the curves of both paradigms are kept, of every metric', () => {
  const kept = computeResults(study).phenomena.flatMap(({ curves }) =>
    curves.map(({ paradigm, metric }) => `${paradigm} ${metric}`),
  );
  for (const paradigm of ['reason-rft-zero', 'reason-rft'])
    for (const metric of ['accuracy', 'format', 'length'])
      assert.ok(kept.includes(`${paradigm} ${metric}`), `${paradigm} ${metric}`);
});

test('results that name what this code does not know are refused with the place', () => {
  const results = computeResults(study);
  const [first, ...others] = results.paradigms;
  writeResults(study, { ...results, paradigms: [first!, { ...others[0]!, paradigm: 'cot-rft' as 'cot-sft' }] });
  assert.throws(
    () => readResults(study),
    /results\.json: paradigms\[1\]\.paradigm is 'cot-rft'; known are zero-shot, /,
  );
  writeResults(study, { ...results, leakage: [{ ...results.leakage[0]!, task: 'sorting' as TaskName }] });
  assert.throws(() => readResults(study), /leakage\[0\]\.task is 'sorting'; known are counting, /);
});

test('what is written is read again, the same each time, and printed', () => {
  const results = computeResults(study);
  assert.equal(writeResults(study, results), resultsFile(study));
  assert.deepEqual(readResults(study), JSON.parse(JSON.stringify(computeResults(study))));
  const text = studyResultsText(results);
  assert.match(text, /^Profile tiny, training seeds 1, 2\. Intervals are 95 %/);
  assert.match(text, /counting: paradigm +in domain +out of domain\n/);
  assert.match(text, /\nReason-RFT +81\.3 % \[\d/);
  assert.match(text, /\n2 +CoT-SFT +37\.5 % \[/);
  assert.match(text, /\nleakage: Of 16 test items, 0 share a scene and 0 share a question with the 48 training rows\./);
  assert.match(text, /\d+ cells are missing: counting\//);
});

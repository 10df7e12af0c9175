/** How long a grid still takes: worked out by hand. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { evaluationWork, secondsLeft, trainingWork } from '../../../lib/study/running/time-left.js';
import { openStudy } from '../../../lib/study/workspace.js';
import { tinyGrpo, tinySft } from '../../support/tiny-study.js';

const study = openStudy('tiny', '/nowhere');

test('work: rows in SFT, tokens generated at most in GRPO and in what is measured', () => {
  const sft = tinySft(study);
  assert.deepEqual(trainingWork(sft, 3), { kind: 'sft', task: 'counting', units: 3 * 8 });
  // 5 steps of 2 prompts, 2 completions each, 8 tokens long.
  assert.deepEqual(trainingWork(tinyGrpo(study, 'base'), 5), { kind: 'grpo', task: 'counting', units: 5 * 2 * 2 * 8 });
  // Completions of 16 tokens: 8 items in domain, and 6 + 2 out of domain.
  const evaluations = [
    { set: 'id', style: 'think' },
    { set: 'ood', style: 'think' },
  ] as const;
  assert.equal(evaluationWork(study, { name: 'x', cell: sft, evaluations }).units, 16 * (8 + 8));
  // Held out: 4 items, once greedily and 2 samples each.
  const heldOut = {
    evaluateEvery: 1,
    items: 4,
    samples: 2,
    maxNewTokens: 10,
    temperature: 1,
    topP: 1,
    minP: 0,
    topK: 0,
  };
  assert.equal(evaluationWork(study, { name: 'x', cell: sft, evaluations: [], heldOut }).units, 10 * 4 * 3);
  // A reading: 6 rows, 2 completions of each.
  const reading = { rows: [16, 22], completions: 2, maxNewTokens: 10 } as const;
  assert.equal(evaluationWork(study, { name: 'x', cell: sft, evaluations: [], reading }).units, 10 * 6 * 2);
});

test('time left: by the cost of a kind on its task, else on any; shared among jobs, but no less than a chain of them', () => {
  const work = (kind: 'sft' | 'grpo', task: string, units: number) => ({ kind, task, units });
  const costs = [
    { ...work('sft', 'counting', 10), seconds: 20 },
    { ...work('sft', 'counting', 30), seconds: 20 },
    { ...work('sft', 'structure', 10), seconds: 50 },
    { ...work('grpo', 'structure', 0), seconds: 0 },
  ];
  const left = (jobs: Parameters<typeof secondsLeft>[0], parallel = 1) => secondsLeft(jobs, costs, parallel);
  // 40 units cost 40 s on counting; 10 cost 50 s on structure.
  assert.deepEqual(left([{ work: [work('sft', 'counting', 7), work('sft', 'structure', 2)] }]), {
    ...{ seconds: 7 + 10, atLeast: false },
  });
  // Of transformation nothing is known: all 50 units of SFT cost 90 s.
  assert.equal(left([{ work: [work('sft', 'transformation', 5)] }]).seconds, 9);
  // Of GRPO neither, on any task.
  assert.deepEqual(left([{ work: [work('sft', 'counting', 7), work('grpo', 'counting', 5)] }]), {
    ...{ seconds: 7, atLeast: true },
  });
  const first = { work: [work('sft', 'counting', 6)] };
  const second = { work: [work('sft', 'counting', 5)], after: first };
  const alone = { work: [work('sft', 'counting', 1)] };
  assert.equal(left([first, second, alone], 1).seconds, 12);
  assert.equal(left([first, second, alone], 2).seconds, 11);
  assert.deepEqual(left([]), { seconds: 0, atLeast: false });
});

/** What is said of a checkpoint that is asked in other words than in its training, by the run.json beside it. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, mock, test } from 'node:test';
import { type Asking, warnOfOtherPrompt } from '../../lib/cli/warn-of-prompt.js';

const folder = mkdtempSync(path.join(tmpdir(), 'reason-rft-asked-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** What is said of the checkpoint of a run of this configuration. */
function said(configuration: object | undefined, now: Asking, styleOption = true): string {
  const run = mkdtempSync(path.join(folder, 'run-'));
  const checkpoint = path.join(run, 'final');
  mkdirSync(checkpoint);
  if (configuration) writeFileSync(path.join(run, 'run.json'), JSON.stringify({ configuration, starts: [] }));
  const pieces: string[] = [];
  const write = mock.method(process.stderr, 'write', (piece: string) => pieces.push(piece));
  warnOfOtherPrompt(checkpoint, now, { styleOption });
  write.mock.restore();
  return pieces.join('');
}

const SFT = { kind: 'sft', data: 'a digest', target: 'cot' };

test('nothing is said where the words are the same, where no run is beside, and of runs whose words are not known', () => {
  assert.equal(said(SFT, { style: 'think' }), '');
  assert.equal(said({ ...SFT, prompt: 'a {{ problem }}' }, { style: 'think', prompt: 'a {{ problem }}' }), '');
  // A template leaves the style without effect.
  const template = { prompt: '{{ problem }}' };
  assert.equal(said({ ...SFT, target: 'answer', ...template }, { style: 'think', ...template }), '');
  assert.equal(said(undefined, { style: 'bare' }), '');
  assert.equal(said({ kind: 'grpo', rows: {} }, { style: 'bare' }), '');
});

test('a template, a style or a system’s turn that differs is said, with what would ask as before', () => {
  const other = said({ ...SFT, prompt: 'In one word: {{ problem }}' }, { style: 'think' });
  assert.match(
    other,
    /^warning: the run that trained .*final asked by the template 'In one word: \{\{ problem \}\}', and this asks in the words of the rows' task for answers in tags \(as before: --prompt 'In one word: \{\{ problem \}\}'\)\. A model answers worse/,
  );
  assert.match(
    said(SFT, { style: 'think', prompt: 'x {{ problem }}' }),
    /and this asks by the template 'x .*' \(as before: leave --prompt out\)/,
  );
  const bare = said({ ...SFT, target: 'answer' }, { style: 'think' });
  assert.match(bare, /asked the question alone, and this asks in the words .* in tags \(as before: --style bare\)/);
  // GRPO has no option for the style.
  assert.match(
    said({ ...SFT, target: 'answer' }, { style: 'think' }, false),
    /as before: --prompt '\{\{ problem \}\}'/,
  );
  const system = said({ kind: 'grpo', data: 'a digest', system: 'Be brief.' }, { style: 'think' });
  assert.match(
    system,
    /final had the system turn 'Be brief\.', and this has no system turn \(as before: --system 'Be brief\.'\)/,
  );
  const both = said(SFT, { style: 'direct', system: 'Be kind.' });
  assert.match(
    both,
    /--style think\); it had no system turn, and this has the system turn 'Be kind\.' \(as before: leave --system out\)/,
  );
});

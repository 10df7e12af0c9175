/**
 * Examines the folder of a run and changes nothing in it: its identity, its lock, its log, its checkpoints down to every number, its
 * result and its trained models. `reason-rft doctor RUN` prints what this finds.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { startEngine } from '../../engine/backend.js';
import { disposeModel, loadModel } from '../../model/model.js';
import { type Checkpoint, RunDirectory } from '../../train/run-directory.js';
import { lockOf } from '../../train/run-lock.js';
import { LOG_FILES } from '../../train/run-log.js';
import { checkStoredState } from '../../train/training-state.js';
import { examinePart, type Finding } from '../finding.js';
import { examineTakenBack } from './examine-taken-back.js';
import { readRunResult } from './train-run.js';

/** Without these a run does not go on, and nothing can make them anew. */
const COPY = 'put the file back from a copy, or remove the folder to train the run anew';

/** Examines every part of a run. */
export async function examineRun(folder: string): Promise<Finding[]> {
  const identity = await examinePart('identity', () => identityText(folder), COPY);
  const lock = examineLock(folder);
  if (identity.state === 'unsound') return [identity, ...lock, ...examineLeftovers(folder, lock)];
  const run = RunDirectory.read(folder);
  if (run.isTakenBack) return [identity, ...lock, ...(await examineTakenBack(run)), ...examineLeftovers(folder, lock)];
  const log = await examinePart('log', () => logText(run), COPY);
  const checkpoints = await examineCheckpoints(run);
  return [
    identity,
    ...lock,
    log,
    ...examineTornLines(folder),
    ...(await examineCompletions(run, log)),
    ...checkpoints,
    ...(await examineOutcome(run)),
    ...(await examineModels(folder)),
    ...examineLeftovers(folder, lock),
    examineState(run, checkpoints),
  ];
}

/** @throws Error when `run.json` or `code.json` is damaged */
function identityText(folder: string): string {
  const run = RunDirectory.read(folder);
  if (run.isTakenBack) return `a run of ${(run.configuration as { trainer?: unknown }).trainer}, taken back`;
  const codeFile = path.join(folder, 'code.json');
  let version = 'of unknown code';
  if (existsSync(codeFile)) {
    const code = JSON.parse(readFileSync(codeFile, 'utf8')) as { version?: unknown; files?: unknown } | null;
    if (typeof code?.version !== 'string' || typeof code.files !== 'object')
      throw new Error(`${codeFile} is not the version of some code`);
    version = `by code ${code.version}`;
  }
  const { kind } = run.configuration as { kind?: unknown };
  return `a run${typeof kind === 'string' ? ` of ${kind}` : ''}, ${version}`;
}

/** Whoever is at work in the folder, or left its lock there. */
function examineLock(folder: string): Finding[] {
  const lock = lockOf(folder);
  if (!lock) return [];
  const { holder, state } = lock;
  if (!holder)
    return [{ part: 'lock', state: 'note', text: 'nobody can read it', remedy: 'the next start takes it over' }];
  const who = `process ${holder.pid} on ${holder.host}, since ${holder.since}`;
  if (state === 'at work')
    return [{ part: 'lock', state: 'note', text: `${who}, is at work here`, remedy: 'wait until it ends' }];
  if (state === 'gone')
    return [{ part: 'lock', state: 'note', text: `${who}, is gone`, remedy: 'the next start takes the folder over' }];
  return [
    {
      part: 'lock',
      state: 'note',
      text: `${who}: nobody can tell from here whether it lives`,
      remedy: `if it is gone, remove ${path.join(folder, '.lock')}`,
    },
  ];
}

/** @throws Error naming a line that is no step's, or the first step that lacks */
function logText(run: RunDirectory): string {
  for (const name of LOG_FILES) run.rows(name);
  const steps = run.metrics().length;
  run.checkLog(steps);
  const newest = run.checkpoints().at(-1)?.step ?? 0;
  if (newest > steps)
    throw new Error(`metrics.jsonl ends at step ${steps}, and there is a checkpoint of step ${newest}`);
  const timed = new Set(run.rows<{ step: number }>('timing.jsonl').map(({ step }) => step));
  const untimed = run.metrics().filter(({ step }) => step < steps && !timed.has(step));
  if (untimed.length > 0) throw new Error(`timing.jsonl lacks the times of step ${untimed[0]!.step}`);
  return `steps 1 to ${steps}, none lacking`;
}

/** Log files whose last line a kill has cut off. */
function examineTornLines(folder: string): Finding[] {
  const torn = LOG_FILES.filter((name) => {
    const file = path.join(folder, name);
    if (!existsSync(file)) return false;
    const text = readFileSync(file, 'utf8');
    return text !== '' && !text.endsWith('\n');
  });
  return torn.map((name) => ({
    part: name,
    state: 'note',
    text: 'its last line is cut off, as a kill leaves it',
    remedy: 'the next start removes the line',
  }));
}

/** The tables of completions, each read whole. */
async function examineCompletions(run: RunDirectory, log: Finding): Promise<Finding[]> {
  if (log.state === 'unsound' || !existsSync(path.dirname(run.completionsFile(1)))) return [];
  const steps = run.metrics().map(({ step }) => step);
  const look = async () => {
    for (const step of steps) {
      const rows = await run.readCompletions(step).catch((error: Error) => {
        throw new Error(`${run.completionsFile(step)} cannot be read: ${error.message}`);
      });
      if (rows.length === 0) throw new Error(`${run.completionsFile(step)} is missing or holds no completions`);
    }
    return `of ${steps.length} steps`;
  };
  return [await examinePart('completions', look, 'training needs none of them; for tables of rollouts copy them back')];
}

/** Each checkpoint, its description and every number of its tensors; and which of them is the best. */
async function examineCheckpoints(run: RunDirectory): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const checkpoint of run.checkpoints()) {
    const look = () => {
      run.describeCheckpoint(checkpoint);
      return `${checkStoredState(checkpoint.folder)} tensors, all finite`;
    };
    findings.push(await examinePart(`checkpoint ${path.basename(checkpoint.folder)}`, look, ''));
  }
  const sound = findings.filter(({ state }) => state === 'sound').length;
  const remedy = run.isFinished
    ? 'the run is finished and needs it no more; remove it'
    : sound > 0
      ? 'run the same again: it is set aside then, and the run goes on from an older one'
      : `put a sound copy in its place, or remove ${path.join(run.folder, 'checkpoints')} to train from the first step`;
  const withRemedies = findings.map((finding) => (finding.state === 'unsound' ? { ...finding, remedy } : finding));
  if (!existsSync(path.join(run.folder, 'checkpoints', 'best.json'))) return withRemedies;
  const best = await examinePart('best checkpoint', () => bestText(run), 'run the same again: a start writes it anew');
  return [...withRemedies, best];
}

/** @throws Error when `best.json` is damaged or names a checkpoint that is gone */
function bestText(run: RunDirectory): string {
  const best = run.bestCheckpoint()!;
  if (!Number.isInteger(best.step) || !Number.isFinite(best.score))
    throw new Error('best.json names no step and score');
  if (!existsSync(best.folder)) throw new Error(`best.json names ${best.folder}, which is gone`);
  return `step ${best.step}, score ${best.score}`;
}

/** The result of a finished run. */
async function examineOutcome(run: RunDirectory): Promise<Finding[]> {
  if (!run.isFinished) return [];
  const remedy = 'put it back from a copy, or remove result.json: the run then goes on from its last checkpoint';
  const look = () => {
    const { steps, best } = readRunResult(run.folder)!;
    if (steps !== run.metrics().length)
      throw new Error(`result.json speaks of ${steps} steps, and the log has ${run.metrics().length}`);
    const models = [run.final, ...(best ? [path.join(run.folder, path.basename(best.checkpoint))] : [])];
    const gone = models.find((model) => !existsSync(model));
    if (gone !== undefined) throw new Error(`its checkpoint ${gone} is gone`);
    return `${steps} steps`;
  };
  return [await examinePart('result', look, remedy)];
}

/** The models of a run, each loaded: configuration, tokenizer, names, shapes and every weight. */
async function examineModels(folder: string): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const name of ['start', 'final', 'best'])
    if (existsSync(path.join(folder, name))) findings.push(await examineModel(path.join(folder, name), `${name}/`));
  return findings;
}

/** Examines the folder of a checkpoint or of adapters. */
export function examineModel(folder: string, part = 'checkpoint'): Promise<Finding> {
  const look = async () => {
    await startEngine();
    const model = loadModel(folder);
    const tensors = Object.keys(model.parameters).length;
    disposeModel(model);
    return `${tensors} tensors, all finite, names and shapes as config.json says`;
  };
  return examinePart(
    part,
    look,
    'put it back from a copy; if it is a run’s, remove it and result.json, and run the same again',
  );
}

/** What nobody has finished writing, and what was set aside. */
function examineLeftovers(folder: string, lock: readonly Finding[]): Finding[] {
  const atWork = lock.some(({ text }) => text.endsWith('is at work here'));
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  const outermost = (ending: string) =>
    names.filter((name) => name.endsWith(ending) && !path.dirname(name).includes('.partial'));
  const partial = outermost('.partial').map(
    (name): Finding => ({
      part: name,
      state: 'note',
      text: atWork ? 'is being written' : 'was left half-written and is no part of the run',
      ...(atWork ? {} : { remedy: 'the next start removes it; of a finished run remove it yourself' }),
    }),
  );
  const aside = outermost('.unsound').map(
    (name): Finding => ({
      part: name,
      state: 'note',
      text: 'a damaged checkpoint that a start has set aside',
      remedy: 'look at it, then remove it',
    }),
  );
  return [...partial, ...aside];
}

/** How far the run has come, and what the same command would do. */
function examineState(run: RunDirectory, checkpoints: readonly Finding[]): Finding {
  if (run.isFinished) return { part: 'run', state: 'note', text: 'finished' };
  const isSound = (checkpoint: Checkpoint) =>
    checkpoints.some(
      ({ part, state }) => part === `checkpoint ${path.basename(checkpoint.folder)}` && state === 'sound',
    );
  const step = run.checkpoints().filter(isSound).at(-1)?.step;
  const whole = run.steps === undefined ? '' : ` of ${run.steps}`;
  const next = step === undefined ? 'begins at the first step' : `goes on after step ${step}${whole}`;
  return { part: 'run', state: 'note', text: `not finished: the same command ${next}` };
}

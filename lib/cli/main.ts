/** The command line: the functions that the notebooks call, for headless and remote runs. */
import { existsSync, statSync } from 'node:fs';
import path from 'node:path';
import { Command, CommanderError } from 'commander';
import { convertReleased, RELEASED_FORMS, type ReleasedForm } from '../data/released/convert.js';
import { type ReleasedSet, releasedSet, releasedSets, stageRows } from '../data/released/dataset.js';
import { readPromptFile } from '../data/released/prompts.js';
import { problemText, validateReleased } from '../data/released/read.js';
import { askedPrecision, startEngine } from '../engine/backend.js';
import { fileDigest } from '../engine/file-digest.js';
import { evaluateModel } from '../evaluate/evaluate.js';
import { modelFolder } from '../model/hub.js';
import {
  addAdapters,
  checkLora,
  isAdapterFolder,
  LORA_DEFAULTS,
  type LoraSettings,
  mergeAdapters,
} from '../model/lora.js';
import { encodePrompt, loadModel, type Model, saveModel, weightsFile } from '../model/model.js';
import { checkSampling, type SamplingSettings } from '../model/sampling.js';
import { closeFigureBrowser } from '../plots/export.js';
import { figuresFolder } from '../plots/study/export-figures.js';
import { reportStudy } from '../plots/study/report.js';
import { readImage } from '../records/image.js';
import { REWARDS, type RewardName } from '../rewards/rewards.js';
import { examine, printReport } from '../setup/doctor.js';
import { evaluationItems, grpoExamples, sftExamples } from '../study/cells/examples.js';
import { checkValidation, type ValidationSettings, validation } from '../study/cells/validation.js';
import { writeReleasedData } from '../study/data/released-data.js';
import {
  curateTrainingRows,
  type LoadedRows,
  loadRecords,
  sampleTestRows,
  sampleTrainingRows,
  writeStudyData,
} from '../study/data/study-data.js';
import { PROFILE_NAMES, QUICK } from '../study/profile.js';
import { computeResults } from '../study/results/compute-results.js';
import { writeResults } from '../study/results/results.js';
import { studyResultsText } from '../study/results/results-text.js';
import { openStudy, releasedDataset } from '../study/workspace.js';
import { type PromptStyle, writePrompt } from '../tasks/prompts.js';
import type { Task } from '../tasks/task.js';
import { TASK_NAMES, type TaskName, taskNamed } from '../tasks/tasks.js';
import { trainGrpo } from '../train/grpo.js';
import { checkGrpo, GRPO_PRESETS, type GrpoPreset, type GrpoSettings } from '../train/grpo-settings.js';
import { type LoopControl, TrainingStopped } from '../train/loop.js';
import { type Json, type Metrics, RunDirectory } from '../train/run-directory.js';
import { checkSft, REASON_RFT_SFT, trainSft } from '../train/sft.js';
import { saveTrained, type TrainedCheckpoints } from '../train/trained.js';
import { warningText } from '../train/warnings.js';
import { showProgress } from './progress.js';
import { report } from './report.js';
import { mergeSettings, settingPairs, UsageError, usage, wholeNumber } from './settings.js';
import { addStudyCommands } from './study.js';

const EXIT_CODES =
  '\nExit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted (a checkpoint is left; run the same again to go on).';

/**
 * The task of the records of a file: what they say, which `--task` has to agree with where it is given.
 *
 * @throws UsageError where they are of another task, or of several
 */
function taskOf(file: string, { records }: LoadedRows, asked: string | undefined): Task<TaskName> {
  const names = [...new Set(records.map((record) => record.task))];
  if (names.length > 1) throw new UsageError(`${file} holds records of several tasks: ${names.join(', ')}`);
  if (asked !== undefined && asked !== names[0])
    throw new UsageError(`${file} holds records of task ${names[0]}, not of ${asked}`);
  return usage(() => taskNamed(names[0]!));
}

/** The task that `--task` names. */
function askedTask(name: string): Task<TaskName> {
  return usage(() => taskNamed(name));
}

/** The folder of the model that is named, fetched from the hub where that is an id. */
async function fetched(name: string): Promise<string> {
  const progress = showProgress('download, MB');
  const megabytes = (bytes: number) => Math.round(bytes / 1e6);
  const onProgress = (done: number, total: number, file: string) =>
    progress.update(megabytes(done), megabytes(total), file);
  try {
    return await modelFolder(name, { onProgress });
  } finally {
    progress.stop();
  }
}

/** Trains in a run folder, saves the checkpoint to `final/` and reports it. */
async function trainInto(
  kind: 'sft' | 'grpo',
  options: { model: string; out: string; json?: boolean } & LoraOptions,
  configuration: object,
  train: (
    model: Model,
    run: RunDirectory,
    onStep: (done: number, steps: number, metrics: Metrics) => void,
  ) => Promise<void>,
): Promise<void> {
  const lora = loraSettings(options);
  const precision = usage(askedPrecision);
  await startEngine();
  const folder = await fetched(options.model);
  const model = loadModel(folder);
  if (lora) usage(() => addAdapters(model.parameters, lora));
  const run = RunDirectory.open(options.out, {
    kind,
    model: fileDigest(weightsFile(folder)),
    ...(lora ? { lora } : {}),
    ...(precision === 'float32' ? {} : { precision }),
    ...configuration,
  } as unknown as Json);
  const finished = run.result<object>();
  if (!finished) {
    const progress = showProgress(kind);
    let heldOut = '';
    try {
      await train(model, run, (done, steps, metrics) => {
        const shown = kind === 'grpo' ? `reward ${metrics.reward!.toFixed(3)}` : `loss ${metrics.loss!.toFixed(3)}`;
        if (metrics.eval_accuracy !== undefined)
          heldOut = `  accuracy ${metrics.eval_accuracy.toFixed(3)} after step ${done}`;
        progress.update(done, steps, shown + heldOut);
      });
    } finally {
      progress.stop();
    }
    const metrics = run.metrics();
    const { final, best } = saveTrained(model, run, metrics.length);
    run.finish({ checkpoint: final, ...(best ? { best } : {}), last: metrics.at(-1) });
  }
  const result = run.result<{ checkpoint: string; best?: TrainedCheckpoints['best']; last: Metrics }>()!;
  const { checkpoint, best } = result;
  const better = best
    ? `; the best on held-out items (accuracy ${best.score.toFixed(3)}, after step ${best.step}) in ${best.folder}`
    : '';
  report(options.json, result, `the checkpoint lies in ${checkpoint}${better}`);
}

function namedRewards(text: string) {
  return text.split(',').map((each) => {
    const [name, weight = '1'] = each.split('=') as [string, string?];
    if (!Object.hasOwn(REWARDS, name))
      throw new UsageError(`there is no reward '${name}'; choose from ${Object.keys(REWARDS).join(', ')}`);
    if (weight.trim() === '' || !Number.isFinite(Number(weight)))
      throw new UsageError(`the weight of ${name} must be a number, got '${weight}'`);
    return { name, weight: Number(weight), reward: REWARDS[name as RewardName] };
  });
}

/** The settings of a preset; the number of steps, which follows from the data in the paper, is the nano model's. */
function presetNamed(name: string): GrpoSettings {
  if (name === 'nano') return { ...QUICK.grpo };
  if (!Object.hasOwn(GRPO_PRESETS, name))
    throw new UsageError(`there is no preset '${name}'; choose nano, ${Object.keys(GRPO_PRESETS).join(' or ')}`);
  return { ...GRPO_PRESETS[name as GrpoPreset], steps: QUICK.grpo.steps };
}

interface LoraOptions {
  loraRank: string;
  loraAlpha?: string;
  loraModules: string;
}

/** What adapters to train in place of all weights; none where the rank is 0. */
function loraSettings({ loraRank, loraAlpha, loraModules }: LoraOptions): LoraSettings | undefined {
  const rank = wholeNumber('--lora-rank', loraRank, 0);
  if (rank === 0) return undefined;
  const alpha = loraAlpha === undefined ? 2 * rank : Number(loraAlpha);
  const settings = { ...LORA_DEFAULTS, rank, alpha, targetModules: loraModules };
  usage(() => checkLora(settings));
  return settings;
}

interface EvaluateOptions {
  data: string;
  images?: string;
  scorer: string;
  model: string;
  task?: string;
  style: string;
  maxNewTokens?: string;
  json?: boolean;
}

interface RunOptions extends LoraOptions {
  task?: string;
  checkpointEvery?: string;
  keepCheckpoints?: string;
  evaluateEvery: string;
  images?: string;
  validation?: string;
  validationSamples: string;
}

/** An option that says what the records say already, and is refused where they say otherwise. */
const TASK_OF_RECORDS = ['--task <name>', `${TASK_NAMES.join(', ')} (default: what the records say)`] as const;

/** The options of adapters, of checkpoints and of evaluation during training. */
function withRunOptions(command: Command): Command {
  return command
    .option(...TASK_OF_RECORDS)
    .option('--images <dir>', 'where the images of all records lie (default: images/ beside the records)')
    .option('--lora-rank <n>', 'train adapters (LoRA) of this rank in place of all weights; 0: all weights', '0')
    .option('--lora-alpha <x>', 'their output is scaled by alpha / rank (default: twice the rank)')
    .option(
      '--lora-modules <names>',
      'ends of the names of the modules they are for, all-linear, or /a regular expression/',
      LORA_DEFAULTS.targetModules,
    )
    .option('--checkpoint-every <n>', 'leave a checkpoint after every n steps (default: 100 in sft, 20 in grpo)')
    .option('--keep-checkpoints <n>', 'the newest n stay, and the best (default: 2)')
    .option('--evaluate-every <n>', 'evaluate on held-out records after every n steps; 0: never', '0')
    .option('--validation <file>', 'the held-out records (JSON Lines), images/ beside them')
    .option('--validation-samples <n>', 'completions sampled of each, for pass@n', '4');
}

/** When checkpoints are left, and how many stay; no part of what the run is. */
function checkpointing({ checkpointEvery, keepCheckpoints }: RunOptions): LoopControl {
  const whole = (name: string, text?: string) => (text === undefined ? undefined : wholeNumber(name, text, 1));
  return {
    checkpointEvery: whole('--checkpoint-every', checkpointEvery),
    keepCheckpoints: whole('--keep-checkpoints', keepCheckpoints),
  };
}

/**
 * What evaluation during training needs, and how the run is known by it; undefined where there is none.
 *
 * @param sampling as completions are drawn in training
 */
async function heldOutRows(
  options: RunOptions,
  sampling: SamplingSettings & { maxNewTokens: number },
  training: LoadedRows,
): Promise<{ rows: LoadedRows; settings: ValidationSettings; identity: object } | undefined> {
  const evaluateEvery = wholeNumber('--evaluate-every', options.evaluateEvery);
  const samples = wholeNumber('--validation-samples', options.validationSamples, 1);
  if (evaluateEvery === 0) return undefined;
  if (options.validation === undefined)
    throw new UsageError('--evaluate-every needs held-out records: give them with --validation FILE');
  const rows = await loadRecords(options.validation, options.images);
  const trained = new Set(training.records.map((record) => record.id));
  const seen = rows.records.filter((record) => trained.has(record.id));
  if (seen.length > 0)
    throw new UsageError(
      `${options.validation} is not held out: ${seen.length} of its records are trained on, among them '${seen[0]!.id}'`,
    );
  const { temperature, topP, topK, maxNewTokens } = sampling;
  const settings = { evaluateEvery, items: rows.records.length, samples, maxNewTokens, temperature, topP, topK };
  usage(() => checkValidation(settings));
  return { rows, settings, identity: { validation: { ...settings, data: fileDigest(options.validation) } } };
}

function styleNamed(text: string): PromptStyle {
  if (text === 'think' || text === 'direct' || text === 'bare') return text;
  throw new UsageError(`the prompt style must be think, direct or bare, got '${text}'`);
}

const MODEL_IDS =
  'a folder, or an id such as Qwen/Qwen2-VL-2B-Instruct or organisation/name@revision, which is fetched';
const base = openStudy('quick').base;
const program = new Command('reason-rft')
  .description('Reinforcement fine-tuning of Qwen2-VL models: the functions that the notebooks call.')
  .addHelpText('afterAll', EXIT_CODES)
  .exitOverride();

program
  .command('curate')
  .description(
    'sample, check and write the data of a profile and a task; of the profile paper, convert the released data',
  )
  .option('--task <name>', TASK_NAMES.join(', '), 'counting')
  .option('--profile <name>', PROFILE_NAMES.join(', '), 'quick')
  .option('--skip-bad', 'with paper: leave bad rows out; else one of them stops the conversion')
  .option('--json', 'one JSON object on stdout')
  .addHelpText(
    'after',
    '\nThe profile paper reads the checkpoint in REASON_RFT_MODEL and the dataset in REASON_RFT_DATASET.\nExample: reason-rft curate --task structure --profile quick',
  )
  .action(async (options: { task: string; profile: string; skipBad?: boolean; json?: boolean }) => {
    const study = usage(() => openStudy(options.profile));
    const task = askedTask(options.task).name;
    if (study.profile.released) {
      const written = await writeReleasedData(study, task, usage(releasedDataset), options);
      const counts = Object.entries(written.rows).map(([set, rows]) => `${set} ${rows}`);
      for (const problem of written.problems) process.stderr.write(`left out: ${problemText(problem)}\n`);
      report(options.json, written, `rows: ${counts.join(', ')}; in ${written.folder}`);
      return;
    }
    const tests = sampleTestRows(study, task);
    const { kept, dropped } = curateTrainingRows(study, sampleTrainingRows(study, task), tests);
    const progress = showProgress('images');
    const folder = await writeStudyData(study, kept, tests, (done, total) => progress.update(done, total));
    progress.stop();
    report(
      options.json,
      { folder, kept: kept.length, dropped: dropped.length },
      `${kept.length} rows kept, ${dropped.length} dropped; in ${folder}`,
    );
  });

program
  .command('validate')
  .description('every bad row of the released Reason-RFT dataset: file, row, field and reason')
  .requiredOption('--from <dir>', 'the downloaded dataset, its images unpacked')
  .option('--task <name>', `${TASK_NAMES.join(', ')} (default: all)`)
  .option('--set <name>', 'train, id, ood, ood-left or ood-right (default: all that are there)')
  .option('--json', 'one JSON object on stdout')
  .addHelpText(
    'after',
    '\nExit code 1 where a row is bad.\nExample: reason-rft validate --from Reason-RFT-CoT-Dataset --task counting',
  )
  .action(async (options: { from: string; task?: string; set?: string; json?: boolean }) => {
    const { from, task, set } = options;
    if (set !== undefined && task === undefined) throw new UsageError('--set needs --task');
    const sets = usage(() =>
      task !== undefined && set !== undefined ? [releasedSet(from, task, set)] : releasedSets(from, task),
    );
    const files = [];
    for (const each of sets) {
      const { sound, problems } = await withBytes(`validate ${path.basename(each.file)}`, each, (onBytes) =>
        validateReleased(each, onBytes),
      );
      files.push({ ...each, sound, problems });
    }
    const problems = files.flatMap((file) => file.problems);
    report(
      options.json,
      { files: files.map(({ task, set, file, sound }) => ({ task, set, file, sound })), problems },
      [
        ...problems.map(problemText),
        ...files.map(({ file, sound, problems }) => `${file}: ${sound} sound rows, ${problems.length} problems`),
      ].join('\n'),
    );
    if (problems.length > 0) process.exitCode = 1;
  });

program
  .command('convert')
  .description('the released Reason-RFT dataset in the forms that trainers read')
  .requiredOption('--from <dir>', 'the downloaded dataset, its images unpacked')
  .requiredOption('--task <name>', TASK_NAMES.join(', '))
  .requiredOption(
    '--form <name>',
    'records (for sft, grpo and evaluate here), ans-sft or cot-sft (ShareGPT), rl (the released trainer), trl (Parquet)',
  )
  .requiredOption('--out <file>', '.json: an array; .jsonl: JSON Lines; .parquet: trl')
  .option('--set <name>', 'train, id, ood, ood-left or ood-right', 'train')
  .option('--stage <name>', 'one (first 1,600 rows) or two (the rest; all of structure) of Reason-RFT training')
  .option('--rows <from:to>', 'some of the rows, counted from 0')
  .option('--prompts <file>', "the authors' utils/prompts.py, to put questions in their words (default: the kit's)")
  .option('--embed', 'with trl: the bytes of the images inside the file')
  .option('--skip-bad', 'leave bad rows out and tell them; else one of them stops the conversion')
  .option('--json', 'one JSON object on stdout')
  .addHelpText(
    'after',
    '\nImage names of the rows are relative to images/ of the dataset.\nExample: reason-rft convert --from Reason-RFT-CoT-Dataset --task counting --stage one --form cot-sft --out stage-one.json',
  )
  .action(async (options: ConvertOptions) => {
    const form = options.form as ReleasedForm;
    if (!RELEASED_FORMS.includes(form))
      throw new UsageError(`there is no form '${form}'; choose ${RELEASED_FORMS.join(', ')}`);
    if ((form === 'trl') !== options.out.endsWith('.parquet'))
      throw new UsageError(
        `${form} is not written to ${options.out}: trl goes to a .parquet file, and nothing else does`,
      );
    if (options.embed && form !== 'trl') throw new UsageError('--embed is for --form trl');
    if (options.prompts !== undefined && (form === 'records' || form === 'rl'))
      throw new UsageError(`--prompts says nothing of ${form}, whose questions are put by the trainer`);
    const set = usage(() => releasedSet(options.from, options.task, options.set));
    const rows = askedRows(options, set);
    const prompts = options.prompts === undefined ? undefined : usage(() => readPromptFile(options.prompts!));
    const { written, problems } = await withBytes('convert', set, (onBytes) =>
      convertReleased(set, form, options.out, { ...options, rows, prompts, onBytes }),
    );
    for (const problem of problems) process.stderr.write(`left out: ${problemText(problem)}\n`);
    report(
      options.json,
      { file: options.out, rows: written, images: path.resolve(set.imageRoot), problems },
      `${written} rows in ${options.out}; their images are in ${path.resolve(set.imageRoot)}`,
    );
  });

withRunOptions(program.command('sft'))
  .description('supervised fine-tuning of a checkpoint on records')
  .requiredOption('--data <file>', 'records (JSON Lines), images/ beside them')
  .requiredOption('--out <dir>', 'run folder; an unfinished run goes on')
  .option('--model <dir or id>', `start checkpoint; ${MODEL_IDS}`, base)
  .option('--target <kind>', 'answer or cot', 'cot')
  .option('--preset <name>', "nano (what the shipped model learns with) or reason-rft (the paper's)", 'nano')
  .option('--config <file>', 'settings as JSON')
  .option('--json', 'one JSON object on stdout')
  .allowUnknownOption()
  .allowExcessArguments()
  .addHelpText(
    'after',
    '\nAny setting is an option: --epochs 2 --batchSize 16 --schedule.learningRate 1e-4\nExample: reason-rft sft --data runs/quick/data/counting/train.jsonl --out runs/my-sft --epochs 1',
  )
  .action(
    async (
      options: {
        data: string;
        out: string;
        model: string;
        target: string;
        preset: string;
        config?: string;
        json?: boolean;
      } & RunOptions,
      command: Command,
    ) => {
      if (options.preset !== 'nano' && options.preset !== 'reason-rft')
        throw new UsageError(`there is no preset '${options.preset}'; choose nano or reason-rft`);
      const preset = options.preset === 'nano' ? QUICK.cotSft : REASON_RFT_SFT;
      const settings = mergeSettings(preset, options.config, settingPairs(command.args));
      usage(() => checkSft(settings));
      const { target } = options;
      if (target !== 'answer' && target !== 'cot')
        throw new UsageError(`--target must be answer or cot, got '${target}'`);
      const rows = await loadRecords(options.data, options.images);
      const task = taskOf(options.data, rows, options.task);
      const sampling = { ...QUICK.grpo, maxNewTokens: QUICK.completionTokens[task.name] };
      const heldOut = await heldOutRows(options, sampling, rows);
      const control = checkpointing(options);
      const style = target === 'answer' ? 'bare' : 'think';
      await trainInto(
        'sft',
        options,
        { data: fileDigest(options.data), target, settings, ...heldOut?.identity },
        (model, run, onStep) => {
          const evaluate =
            heldOut &&
            validation({ ...heldOut, model, items: evaluationItems(model, heldOut.rows, style), score: task.score });
          return trainSft({
            model,
            examples: sftExamples(model, rows, target),
            settings,
            run,
            evaluate,
            onStep,
            ...control,
          });
        },
      );
    },
  );

withRunOptions(program.command('grpo'))
  .description('GRPO of a checkpoint on records')
  .requiredOption('--data <file>', 'records (JSON Lines), images/ beside them')
  .requiredOption('--out <dir>', 'run folder; an unfinished run goes on')
  .option('--model <dir or id>', `start checkpoint; ${MODEL_IDS}`, base)
  .option(
    '--rewards <list>',
    "names, with =weight where it is not 1 (default: the task's; with --preset reason-rft those of its released script)",
  )
  .option(
    '--preset <name>',
    "nano (what the shipped model learns with), reason-rft (the paper's) or trl (TRL's defaults)",
    'nano',
  )
  .option('--config <file>', 'settings as JSON')
  .option('--json', 'one JSON object on stdout')
  .allowUnknownOption()
  .allowExcessArguments()
  .addHelpText(
    'after',
    '\nAny setting is an option: --steps 60 --beta 0 --schedule.learningRate 5e-5\nExample: reason-rft grpo --data runs/quick/data/counting/train.jsonl --model runs/my-sft/final --out runs/my-grpo --evaluate-every 10 --validation held-out.jsonl',
  )
  .action(
    async (
      options: {
        data: string;
        out: string;
        model: string;
        rewards?: string;
        preset: string;
        config?: string;
        json?: boolean;
      } & RunOptions,
      command: Command,
    ) => {
      const preset = presetNamed(options.preset);
      usage(() => checkGrpo(mergeSettings(preset, options.config, settingPairs(command.args))));
      if (options.rewards !== undefined) namedRewards(options.rewards);
      const rows = await loadRecords(options.data, options.images);
      const task = taskOf(options.data, rows, options.task);
      if (options.preset === 'nano') preset.maxNewTokens = QUICK.completionTokens[task.name];
      const settings = mergeSettings(preset, options.config, settingPairs(command.args));
      const standard = options.preset === 'reason-rft' ? task.releasedRewards : task.rewards;
      const rewards = namedRewards(options.rewards ?? standard.join(','));
      const heldOut = await heldOutRows(options, settings, rows);
      const control = checkpointing(options);
      const weights = rewards.map(({ name, weight }) => [name, weight]);
      await trainInto(
        'grpo',
        options,
        { data: fileDigest(options.data), rewards: weights, settings, ...heldOut?.identity },
        (model, run, onStep) => {
          const items = heldOut ? evaluationItems(model, heldOut.rows, 'think') : [];
          return trainGrpo({
            model,
            examples: grpoExamples(model, rows),
            rewards,
            settings,
            run,
            evaluate: heldOut && validation({ ...heldOut, model, items, rewards, score: task.score }),
            onStep,
            ...control,
            onWarning: (warning) => process.stderr.write(`${warningText(warning)}\n`),
          });
        },
      );
    },
  );

program
  .command('merge')
  .description('add adapters into their base model: a whole checkpoint')
  .requiredOption('--model <dir>', 'the folder of the adapters')
  .requiredOption('--out <dir>', 'the folder of the checkpoint, which must not exist yet')
  .option('--dtype <type>', "the weights' type in the files: float32, or bfloat16 for serving", 'float32')
  .option('--json', 'one JSON object on stdout')
  .addHelpText('after', '\nExample: reason-rft merge --model runs/my-lora/final --out runs/my-merged')
  .action(async (options: { model: string; out: string; dtype: string; json?: boolean }) => {
    const { dtype } = options;
    if (dtype !== 'float32' && dtype !== 'bfloat16')
      throw new UsageError(`--dtype must be float32 or bfloat16, got '${dtype}'`);
    if (existsSync(options.out)) throw new UsageError(`${options.out} exists already; choose another folder`);
    if (!isAdapterFolder(options.model)) throw new UsageError(`${options.model} holds no adapter_config.json`);
    await startEngine();
    const model = loadModel(await fetched(options.model));
    mergeAdapters(model.parameters);
    saveModel(model, options.out, { dtype });
    report(options.json, { checkpoint: options.out }, `the checkpoint lies in ${options.out}`);
  });

program
  .command('evaluate')
  .description('accuracy of a checkpoint on records, with its 95 % interval')
  .requiredOption('--data <file>', 'records (JSON Lines), images/ beside them')
  .option('--images <dir>', 'where their images lie (default: images/ beside the records)')
  .option('--model <dir or id>', `checkpoint; ${MODEL_IDS}`, base)
  .option(...TASK_OF_RECORDS)
  .option('--style <style>', 'prompt: think, direct or bare', 'think')
  .option('--max-new-tokens <n>', 'longest completion (default: what the task needs)')
  .option('--scorer <name>', "kit, or released: the authors' evaluation, traps included", 'kit')
  .option('--json', 'one JSON object on stdout')
  .addHelpText(
    'after',
    '\nExample: reason-rft evaluate --model runs/my-grpo/final --data runs/quick/data/counting/test-ood.jsonl',
  )
  .action(async (options: EvaluateOptions) => {
    const style = styleNamed(options.style);
    if (options.scorer !== 'kit' && options.scorer !== 'released')
      throw new UsageError(`--scorer must be kit or released, got '${options.scorer}'`);
    const asked = options.maxNewTokens && wholeNumber('--max-new-tokens', options.maxNewTokens, 1);
    const rows = await loadRecords(options.data, options.images);
    const task = taskOf(options.data, rows, options.task);
    const longest = asked || QUICK.completionTokens[task.name];
    await startEngine();
    const model = loadModel(await fetched(options.model));
    const items = evaluationItems(model, rows, style);
    const progress = showProgress('evaluate');
    const onProgress = (done: number, total: number) => progress.update(done, total);
    const score = options.scorer === 'released' ? task.releasedScore : task.score;
    const result = await evaluateModel(model, items, longest, onProgress, score);
    progress.stop();
    const percent = (x: number) => (100 * x).toFixed(1);
    report(
      options.json,
      result,
      `accuracy ${percent(result.accuracy)} % [${result.interval.map(percent).join(', ')}] of ${result.count}; ${percent(result.formatted)} % in the format asked for`,
    );
  });

program
  .command('generate')
  .description('one user turn, images first, through the checkpoint’s own chat template')
  .option('--model <dir or id>', `checkpoint; ${MODEL_IDS}`, base)
  .option(
    '--image <file>',
    'an image; give it again for more',
    (file: string, files: string[]) => [...files, file],
    [] as string[],
  )
  .requiredOption('--prompt <text>', 'the text')
  .option('--style <style>', 'adds the instruction of think, direct or bare', 'bare')
  .option('--greedy', 'take the most probable token each time')
  .option('--temperature <x>', 'when not greedy', '1')
  .option('--top-k <n>', 'when not greedy; 0: all', '0')
  .option('--top-p <x>', 'when not greedy; 1: all', '1')
  .option('--seed <n>', 'when not greedy', '0')
  .option('--max-new-tokens <n>', 'longest completion', '64')
  .option('--json', 'input_ids, image_grid_thw, position_ids, logits_last, output_ids and text as one JSON object')
  .addHelpText(
    'after',
    '\nExample: reason-rft generate --image scene.png --prompt "How many cubes are there?" --greedy --json',
  )
  .action(
    async (options: {
      model: string;
      image: string[];
      prompt: string;
      style: string;
      greedy?: boolean;
      temperature: string;
      topK: string;
      topP: string;
      seed: string;
      maxNewTokens: string;
      json?: boolean;
    }) => {
      const text = writePrompt(options.prompt, styleNamed(options.style));
      const settings = {
        temperature: options.greedy ? 0 : Number(options.temperature),
        topK: wholeNumber('--top-k', options.topK),
        topP: Number(options.topP),
        seed: wholeNumber('--seed', options.seed),
        maxNewTokens: wholeNumber('--max-new-tokens', options.maxNewTokens, 1),
        completions: 1,
      };
      usage(() => checkSampling(settings));
      const images = await Promise.all(options.image.map(readImage));
      await startEngine();
      const model = loadModel(await fetched(options.model));
      const prompt = encodePrompt(model, images, text);
      const completion = model.generator.generate(model.parameters, [prompt], settings)[0]![0]!;
      const written = model.tokenizer.decode(completion.ended ? completion.tokens.slice(0, -1) : completion.tokens);
      const { logits, positions } = model.generator.promptLogits(model.parameters, prompt);
      const result = {
        input_ids: prompt.tokens,
        image_grid_thw: prompt.images.map((image) => image.grid),
        position_ids: positions,
        logits_last: [...logits],
        output_ids: completion.tokens,
        text: written,
      };
      report(options.json, result, written);
    },
  );

addStudyCommands(program);

program
  .command('results')
  .description('tables, claims and findings from the cells that are finished, into results.json; trains nothing')
  .option('--profile <name>', PROFILE_NAMES.join(', '), 'quick')
  .option('--json', 'one JSON object on stdout')
  .addHelpText('after', '\nExample: reason-rft results --profile standard')
  .action((options: { profile: string; json?: boolean }) => {
    const study = usage(() => openStudy(options.profile));
    const results = computeResults(study);
    const file = writeResults(study, results);
    report(options.json, results, `${studyResultsText(results)}\n\nwritten to ${file}`);
  });

program
  .command('report')
  .description(
    'figures (PNG, SVG, PDF, HTML) with captions, and the page results.html, from results.json; trains nothing',
  )
  .option('--profile <name>', PROFILE_NAMES.join(', '), 'quick')
  .option('--json', 'one JSON object on stdout')
  .addHelpText('after', '\nExample: reason-rft report --profile standard')
  .action(async (options: { profile: string; json?: boolean }) => {
    const study = usage(() => openStudy(options.profile));
    const progress = showProgress('figures');
    try {
      const { page, figures } = await reportStudy(study, (done, total) => progress.update(done, total));
      const files = figures.flatMap((figure) => figure.files.map((file) => file.path));
      report(
        options.json,
        { page, files },
        `${figures.length} figures in ${figuresFolder(study)}\nthe page is ${page}`,
      );
    } finally {
      progress.stop();
      await closeFigureBrowser();
    }
  });

program
  .command('doctor')
  .description('what computes here, with which versions, and what is missing')
  .option('--json', 'one JSON object on stdout')
  .addHelpText('after', '\nExample: reason-rft doctor --json')
  .action((options: { json?: boolean }) => {
    if (!printReport(examine(), options.json ?? false)) process.exitCode = 1;
  });

interface ConvertOptions {
  from: string;
  task: string;
  form: string;
  out: string;
  set: string;
  stage?: string;
  rows?: string;
  prompts?: string;
  embed?: boolean;
  skipBad?: boolean;
  json?: boolean;
}

/** The rows that `--stage` or `--rows` ask for; undefined for all. */
function askedRows({ stage, rows }: ConvertOptions, set: ReleasedSet): [number, number] | undefined {
  if (stage !== undefined && rows !== undefined) throw new UsageError('give --stage or --rows, not both');
  if (stage !== undefined) {
    if (stage !== 'one' && stage !== 'two') throw new UsageError(`--stage must be one or two, got '${stage}'`);
    if (set.set !== 'train') throw new UsageError('--stage is for the train set');
    return stageRows(set.task, stage);
  }
  if (rows === undefined) return undefined;
  const [from, to] = (/^(\d+):(\d+)$/.exec(rows) ?? []).slice(1).map(Number);
  if (from === undefined || to === undefined || from >= to)
    throw new UsageError(`--rows must be two whole numbers that rise, such as 0:3200, got '${rows}'`);
  return [from, to];
}

/** Shows how much of a file has been read while something reads it. */
async function withBytes<T>(
  name: string,
  { file }: ReleasedSet,
  read: (onBytes: (bytes: number) => void) => Promise<T>,
): Promise<T> {
  const size = statSync(file).size;
  const progress = showProgress(name);
  try {
    return await read((bytes) => progress.update(Math.round(bytes / 1000), Math.round(size / 1000), 'kB'));
  } finally {
    progress.stop();
  }
}

program.parseAsync().catch((error: unknown) => {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : 2;
    return;
  }
  process.stderr.write(`reason-rft: ${(error as Error).message}\n`);
  process.exitCode =
    error instanceof TrainingStopped || (error as Error).name === 'AbortError'
      ? 130
      : error instanceof UsageError
        ? 2
        : 1;
});

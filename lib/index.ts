/**
 * What notebooks and other programs import from `reason-rft`, in chapters. `lib/README.md` says what each name is for. Everything else
 * is importable by its path below `lib`, such as `reason-rft/train/policy-loss`. The formatter sorts exports between blank lines; the
 * blank line below a heading keeps the heading where it is.
 */

// ---- The engine -----------------------------------------------------------------------------------------------------------------

export { type Engine, type EngineOptions, startEngine } from './engine/backend.js';
export { Random } from './engine/random.js';

// ---- Data: rows, pictures, curation, the forms that trainers read ---------------------------------------------------------------

export { toAnswerSft, toCotSft, toRl } from './data/convert.js';
export { convertOwn } from './data/convert-own.js';
export { CURATION_CHECKS, type Curation, curate } from './data/curation.js';
export { writeRlParquet } from './data/parquet.js';
export { convertReleased } from './data/released/convert.js';
export { validateReleased } from './data/released/read.js';
export { splitStages } from './data/split.js';
export { countByCheck, countByFamily, describeRecords } from './data/tables.js';
export { encodePng, type RgbImage, readImage } from './records/image.js';
export { type RowFiles, type RowSource, readRows } from './records/open-rows.js';
export type { DataRow, MetaRecord, TaskRecord } from './records/record.js';
export { readRecords, writeRecords } from './records/records.js';
export { type LoadedRows, loadRecords } from './study/data/load-rows.js';
export { examineRows, findOverlap, type RowsReport } from './study/data/validate-rows.js';

// ---- Tasks: what is asked, and how ----------------------------------------------------------------------------------------------

export type { PromptOptions } from './tasks/asked-prompt.js';
export { TRAINED_FAMILIES } from './tasks/counting/program.js';
export { defineTask } from './tasks/define-task.js';
export { type PromptStyle, writeTarget } from './tasks/prompts.js';
export type { DrawnTask, OwnReward, Task } from './tasks/task.js';
export {
  recordPrompt,
  TASK_NAMES,
  TASKS,
  type TaskName,
  TEST_SET_NAMES,
  type TestSet,
  taskNamed,
  testSetsOf,
} from './tasks/tasks.js';
export { drawScene } from './tasks/world/ray-cast.js';
export type { Scene } from './tasks/world/scene.js';

// ---- Rewards and scorers: a completion and its row, to a number -----------------------------------------------------------------

export { accuracyReward } from './rewards/accuracy.js';
export { extractAnswer } from './rewards/extract-answer.js';
export { formatReward } from './rewards/format.js';
export { functionReward } from './rewards/function-reward.js';
export { type JudgeSettings, judgeReward } from './rewards/judge.js';
export { mathematicalReward } from './rewards/mathematical.js';
export type {
  BatchedReward,
  Reward,
  RewardFunction,
  RewardInput,
  RewardOutput,
} from './rewards/reward.js';
export { REWARDS, type RewardName } from './rewards/rewards.js';
export { scoreAnswer } from './rewards/score-answer.js';
export { scoreTransformation } from './rewards/score-transformation.js';
export type { Scorer } from './rewards/scorer.js';

// ---- The model: checkpoints, prompts, generation, adapters ----------------------------------------------------------------------

export { footprintTable } from './bench/footprint-table.js';
export { type Weight, widen } from './engine/packed.js';
export type { Completion } from './model/completion.js';
export { type ModelConfig, readConfig } from './model/configuration.js';
export type { EncodedPrompt, GenerationSettings } from './model/generate.js';
export type { WeightType } from './model/held-weights.js';
export { fetchModelFolder } from './model/hub.js';
export { adapterBase } from './model/hub-cache.js';
export { addAdapters, LORA_DEFAULTS, type LoraSettings, mergeAdapters } from './model/lora.js';
export {
  completionText,
  disposeModel,
  encodeCompletion,
  encodePrompt,
  type LoadOptions,
  loadModel,
  type Model,
  saveModel,
} from './model/model.js';
export { countParameters } from './model/parameters.js';
export { GREEDY, type SamplingSettings } from './model/sampling.js';

// ---- Training: SFT, GRPO, run directories ---------------------------------------------------------------------------------------

export { evaluateTask, evaluationItems, grpoExamples, sftExamples, taskRewards } from './study/cells/own-examples.js';
export { type TakenBack, takeBack } from './takeback/take-back.js';
export { groupAdvantages } from './train/advantage.js';
export { readCompletions } from './train/completions.js';
export { trainGrpo } from './train/grpo.js';
export { GRPO_PRESETS, type GrpoSettings, REASON_RFT_GRPO, TRL_GRPO } from './train/grpo-settings.js';
export { TrainingStopped } from './train/loop.js';
export type { Metrics } from './train/metrics.js';
export type { NamedReward } from './train/named-reward.js';
export type { GrpoExample } from './train/rollout.js';
export { RunDirectory } from './train/run-directory.js';
export { grpoSettings, sftSettings } from './train/settings.js';
export { REASON_RFT_SFT, type SftExample, type SftSettings, trainSft } from './train/sft.js';
export { type TrainingWarning, warningText } from './train/warnings.js';

// ---- Beyond one machine: other trainers -----------------------------------------------------------------------------------------

export { type HandOverOptions, handOver } from './handover/hand-over.js';

// ---- Evaluation: accuracy, intervals, comparisons -------------------------------------------------------------------------------

export { type Evaluation, type EvaluationItem, evaluateModel } from './evaluate/evaluate.js';
export { mcNemar, wilsonInterval } from './evaluate/interval.js';
export { differenceOverSeeds, type Estimate, estimateOverSeeds } from './evaluate/over-seeds.js';
export { meanPassAtK, passAtK } from './evaluate/pass-at-k.js';
export { compareStartAndEnd } from './evaluate/trend.js';
export { trendText } from './study/results/wording.js';

// ---- The study: profiles, data, cells, grids, results ---------------------------------------------------------------------------

export { ABLATIONS } from './study/ablation-names.js';
export type { BaseCell, Cell, CellResult, GrpoCell, SftCell } from './study/cells/cell.js';
export type { OwnCell } from './study/cells/own-cell.js';
export {
  cellCurves,
  evaluateCell,
  measureHeldOut,
  measureReading,
  runCell,
  startedRun,
} from './study/cells/run-cell.js';
export { scheduleValidation, type ValidationSettings } from './study/cells/validation.js';
export { validationSettings } from './study/cells/validation-rows.js';
export { curateTrainingRows } from './study/data/curate-rows.js';
export { writeStudyData } from './study/data/data-folder.js';
export { pretrainingScenes, sampleTestRows, sampleTrainingRows, sceneFingerprintOf } from './study/data/draw-rows.js';
export { loadRows } from './study/data/load-rows.js';
export { describeStudy } from './study/describe-study.js';
export { ablationCells } from './study/design/ablations.js';
export { efficiencyCell } from './study/design/data-efficiency.js';
export type { GridCell } from './study/design/grid.js';
export {
  PARADIGM_NAMES,
  PARADIGM_PROMPTS,
  PARADIGMS,
  type Paradigm,
  paradigmCell,
  reasonRftCell,
  stageOneCell,
} from './study/design/paradigms.js';
export { type StudySelection, studyGrid } from './study/design/study-grid.js';
export type { Sweep } from './study/design/sweep.js';
export { type Profile, QUICK, STANDARD, TINY } from './study/profile.js';
export { computeResults } from './study/results/compute-results.js';
export { studyHypotheses } from './study/results/hypotheses.js';
export { refuseLeakage, sharedScenes } from './study/results/leakage.js';
export { readResults, type StudyResults, writeResults } from './study/results/results.js';
export { type SweepOutcome, sweep } from './study/results/sweep.js';
export { runJobsInProcesses } from './study/running/processes.js';
export { runGrid } from './study/running/runner.js';
export { openStudy, repositoryRoot, type Study } from './study/workspace.js';

// ---- Plots: notebook output, live plots, figures, tables ------------------------------------------------------------------------

export { balanceBars } from './plots/balance.js';
export { trainingCurves } from './plots/curves.js';
export { exportFigure, renderFigure } from './plots/export.js';
export { showFigure } from './plots/figure-output.js';
export { forestFigure } from './plots/forest.js';
export { notebookTable } from './plots/html-table.js';
export { imageGrid } from './plots/images.js';
export { attachLive } from './plots/live/attach-live.js';
export { runGridLive } from './plots/live/grid-live.js';
export { type LivePlot, livePlot } from './plots/live/live-plot.js';
export { liveProgress, runCellLive } from './plots/live/run-live.js';
export { type LiveControl, runTrial, trainLive } from './plots/live/train-live.js';
export { metricPanels } from './plots/metric-panels.js';
export { rolloutTable, sampleTable } from './plots/rollout-table.js';
export { writeRollouts } from './plots/rollouts/write-rollouts.js';
export { runCurves } from './plots/run-curves.js';
export { show } from './plots/show.js';
export { knobTable } from './plots/study/knob-table.js';
export { publishFigure, rolloutViews, sampleViews, showStudyFigures } from './plots/study/notebook-views.js';
export { reportStudy } from './plots/study/report.js';
export { sweepCurves, sweepFigure } from './plots/study/sweep-figures.js';
export {
  ablationsTable,
  accuracyTable,
  claimsTable,
  comparisonsTable,
  controlsTable,
  costTable,
  efficiencyTable,
  hypothesesTable,
  leakageTable,
  phenomenaTable,
  wordsTable,
} from './plots/study/tables.js';
export { type Figure, seriesStyle } from './plots/style.js';
export { arqueroTable, droppedTable, escapeHtml, tableBundle } from './plots/tables.js';

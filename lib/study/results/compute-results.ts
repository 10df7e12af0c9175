/** From the finished cells of a study, or of a part of it, to its results. Nothing is trained or evaluated here; missing cells are named. */
import { kitCommit } from '../../train/environment.js';
import { finishedCell, hasData } from '../cells/run-cell.js';
import type { GridCell } from '../design/grid.js';
import { type GridPart, type StudySelection, studyGrid, WHOLE_STUDY } from '../design/study-grid.js';
import { isMeasured } from '../running/job-state.js';
import type { Study } from '../workspace.js';
import { ablationFindings } from './ablation-findings.js';
import { ablationPoints, efficiencyPoints, paradigmResults } from './accuracies.js';
import { claimVerdicts } from './claims.js';
import { controlResults, wordsResults } from './controls.js';
import { knobResults } from './knob.js';
import { studyLeakage } from './leakage.js';
import { phenomenaOf } from './phenomena.js';
import type { StudyResults } from './results.js';

/**
 * Computes all that can be said from the cells that are finished, of the tasks whose data is there.
 *
 * @param selection the part of the study that is reported; cells outside it are neither read nor missed
 */
export function computeResults(study: Study, selection: StudySelection = WHOLE_STUDY): StudyResults {
  const tasks = selection.tasks.filter((task) => hasData(study, task));
  const tasksWith = (part: GridPart) => (selection.parts.includes(part) ? tasks : []);
  const ablations = tasksWith('ablations')
    .filter((task) => study.profile.ablations.tasks.includes(task))
    .flatMap((task) => ablationPoints(study, task, selection.ablations));
  const knob = knobResults(study, tasksWith('knob'));
  return {
    profile: study.profile.name,
    seeds: [...study.profile.seeds],
    commit: kitCommit(),
    ...(selection === WHOLE_STUDY ? {} : { selection }),
    paradigms: tasksWith('paradigms').flatMap((task) => paradigmResults(study, task)),
    efficiency: tasksWith('efficiency').flatMap((task) => efficiencyPoints(study, task)),
    ablations,
    findings: ablationFindings(ablations),
    claims: tasks.flatMap((task) => claimVerdicts(study, task, selection.parts)),
    phenomena: tasksWith('paradigms').flatMap((task) => phenomenaOf(study, task)),
    controls: tasksWith('controls').flatMap((task) => controlResults(study, task)),
    words: tasksWith('controls').flatMap((task) => wordsResults(study, task)),
    leakage: tasks.map((task) => studyLeakage(study, task)),
    ...(knob ? { knob } : {}),
    missing: missingCells(study, selection),
  };
}

/** The names of the selected cells that are not trained, or not measured as the grid asks. */
function missingCells(study: Study, selection: StudySelection): string[] {
  return studyGrid(study, selection)
    .filter((cell) => !isFinished(study, cell))
    .map(({ name }) => name);
}

function isFinished(study: Study, gridCell: GridCell): boolean {
  const { cell } = gridCell;
  return (cell.kind === 'base' || finishedCell(study, cell) !== undefined) && isMeasured(study, gridCell);
}

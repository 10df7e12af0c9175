/** What figures and pages call the tasks and their test sets. */

import type { TaskName, TestSet } from '../../tasks/tasks.js';

/** The tasks as the paper writes them. */
export const TASK_TITLES: { readonly [task in TaskName]: string } = {
  counting: 'Visual counting',
  structure: 'Structure perception',
  transformation: 'Spatial transformation',
};

/** Names of test sets where there is little room. */
export const SHORT_SETS: { readonly [set in TestSet]: string } = {
  id: 'ID',
  ood: 'OOD',
  'ood-left': 'OOD left',
  'ood-right': 'OOD right',
};

/** `--profile`: which study a command works on. */
import { PROFILE_NAMES } from '../study/profile.js';
import { openStudy, type Study } from '../study/workspace.js';
import { checkUsage } from './usage.js';

/** Flags, description and default of the option. */
export const PROFILE_OPTION = ['--profile <name>', PROFILE_NAMES.join(', '), 'quick'] as const;

/**
 * Opens the study of a profile.
 *
 * @param options.acceptStale takes cells and measures that other code made as they are
 * @throws UsageError where there is no such profile, or it lacks what it needs
 */
export function openProfile({ profile, acceptStale }: { profile: string; acceptStale?: boolean }): Study {
  const study = checkUsage(() => openStudy(profile));
  return acceptStale ? { ...study, acceptStale } : study;
}

/** Where a study's files lie: the repository's shipped base model, and the profile's folder under `runs/`. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { type Profile, profileNamed } from './profile.js';

/** A study's folders and sizes. */
export interface Study {
  profile: Profile;
  /** `runs/<profile>`: everything that the study writes. */
  folder: string;
  /** The base model's checkpoint folder: the shipped one, or what the profile `paper` is given. */
  base: string;
  /** Takes what other code has trained or measured as it is; where not, it is made again beside that. */
  acceptStale?: boolean;
}

/** The repository's root: the nearest folder above this file that holds `notebooks` and `data`. */
export function repositoryRoot(): string {
  let folder = __dirname;
  while (!(existsSync(path.join(folder, 'notebooks')) && existsSync(path.join(folder, 'data')))) {
    const parent = path.dirname(folder);
    if (parent === folder)
      throw new Error(`no folder above ${__dirname} holds notebooks/ and data/; is the kit's checkout complete?`);
    folder = parent;
  }
  return folder;
}

/** The checkpoint folder of the base model that comes with the repository. */
export function shippedModel(): string {
  return path.join(repositoryRoot(), 'data', 'nano');
}

/**
 * Opens the study of a profile.
 *
 * @param name default: what `REASON_RFT_PROFILE` says, else `quick`
 * @param folder default: `runs/<name>` of the repository, or what `REASON_RFT_RUNS` says in place of `runs`. `REASON_RFT_ACCEPT_STALE=1`
 *   accepts what other code has trained
 * @throws Error where the profile `paper` is not given a checkpoint: `REASON_RFT_MODEL` names its folder
 */
export function openStudy(name = process.env.REASON_RFT_PROFILE ?? 'quick', folder?: string): Study {
  const profile = profileNamed(name);
  const root = repositoryRoot();
  const runs = process.env.REASON_RFT_RUNS ?? path.join(root, 'runs');
  const acceptStale = process.env.REASON_RFT_ACCEPT_STALE === '1';
  const base = profile.released ? givenFolder('REASON_RFT_MODEL', CHECKPOINT) : shippedModel();
  return { profile, folder: folder ?? path.join(runs, name), base, acceptStale };
}

const CHECKPOINT = "a checkpoint's folder, such as that of Qwen2-VL-2B-Instruct";
const DATASET = 'the download of tanhuajie2001/Reason-RFT-CoT-Dataset, its images unpacked';

/**
 * The released dataset, which `REASON_RFT_DATASET` names.
 *
 * @throws Error where it names no folder
 */
export function releasedDataset(): string {
  return givenFolder('REASON_RFT_DATASET', DATASET);
}

/** The folder that an environment variable names. */
function givenFolder(variable: string, what: string): string {
  const folder = process.env[variable];
  if (folder === undefined || folder === '') throw new Error(`the profile 'paper' needs ${variable}: ${what}`);
  if (!existsSync(folder)) throw new Error(`${variable} names ${folder}, which does not exist; it must be ${what}`);
  return path.resolve(folder);
}

/** The workspace of a study: its profile, its folder under `runs/`, and its base models. */
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { type Profile, profileNamed } from './profile.js';

/** A study that is open: its sizes and its folders. */
export interface Study {
  profile: Profile;
  /** The folder of everything that the study writes: `runs/<profile>`. */
  folder: string;
  /** The checkpoint folder of the base model: the shipped one, or for the profile `paper` the one that `REASON_RFT_MODEL` names. */
  base: string;
  /** The checkpoint folders of further base models by their names, which cells may start from. Default: none. */
  bases?: { readonly [name: string]: string };
  /**
   * Whether a cell that an older version of the code has trained or measured counts as done. If not, the cell is trained and measured
   * again, and the older result stays beside it.
   */
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

/** The further base models that come with the repository, in `data/bases`: the folder of each by its name. */
function shippedBases(): { [name: string]: string } {
  const folder = path.join(repositoryRoot(), 'data', 'bases');
  if (!existsSync(folder)) return {};
  const names = readdirSync(folder).filter((name) => existsSync(path.join(folder, name, 'config.json')));
  return Object.fromEntries(names.sort().map((name) => [name, path.join(folder, name)]));
}

/** The folders of the base models that a study uses and that are there: its own, and those of its part `knob`. */
export function baseFolders({ profile, base, bases = {} }: Study): string[] {
  const levels = profile.released ? [] : (profile.knob?.levels ?? []);
  return [base, ...levels.flatMap(({ name }) => bases[name] ?? [])];
}

/**
 * Opens the study of a profile.
 *
 * Environment variables: `REASON_RFT_PROFILE` names the profile, `REASON_RFT_RUNS` the folder of all studies, `REASON_RFT_MODEL` the
 * checkpoint of the profile `paper`. `REASON_RFT_ACCEPT_STALE=1` sets `acceptStale`.
 *
 * @param name default: that of `REASON_RFT_PROFILE`, or `quick`
 * @param folder default: `<name>` in the folder of `REASON_RFT_RUNS`, or in `runs` of the repository
 * @throws Error when there is no such profile, or when the profile `paper` has no checkpoint
 */
export function openStudy(name = process.env.REASON_RFT_PROFILE ?? 'quick', folder?: string): Study {
  const profile = profileNamed(name);
  const root = repositoryRoot();
  const runs = process.env.REASON_RFT_RUNS ?? path.join(root, 'runs');
  const acceptStale = process.env.REASON_RFT_ACCEPT_STALE === '1';
  const base = profile.released ? folderOf('REASON_RFT_MODEL', CHECKPOINT) : shippedModel();
  const bases = profile.released ? {} : shippedBases();
  return { profile, folder: folder ?? path.join(runs, name), base, bases, acceptStale };
}

const CHECKPOINT = "a checkpoint's folder, such as that of Qwen2-VL-2B-Instruct";
const DATASET = 'the download of tanhuajie2001/Reason-RFT-CoT-Dataset, its images unpacked';

/**
 * The folder of the released dataset, which `REASON_RFT_DATASET` names.
 *
 * @throws Error when it names none that exists
 */
export function releasedDataset(): string {
  return folderOf('REASON_RFT_DATASET', DATASET);
}

/** The folder that an environment variable names; `meaning` says in messages what it must be. */
function folderOf(variable: string, meaning: string): string {
  const folder = process.env[variable];
  if (folder === undefined || folder === '') throw new Error(`the profile 'paper' needs ${variable}: ${meaning}`);
  if (!existsSync(folder)) throw new Error(`${variable} names ${folder}, which does not exist; it must be ${meaning}`);
  return path.resolve(folder);
}

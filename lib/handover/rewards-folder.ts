/**
 * The part of a hand-over that the reward server runs from: the rows with all their columns and pictures, copies of the rewards' own
 * files, the script that starts the server, and the client that the other trainer asks it with.
 */
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import path from 'node:path';
import { writeFileOfPartial } from '../engine/disk.js';
import { ownFilesOf } from '../rewards/own-code.js';
import type { ListedReward } from '../rewards/reward-list.js';
import type { QuestionRow } from '../study/cells/prepared-rows.js';
import { repositoryRoot } from '../study/workspace.js';
import type { GrpoSettings } from '../train/grpo-settings.js';
import type { RewardSettings } from '../train/named-reward.js';
import type { Experiment } from './experiment.js';
import { readPictures } from './pictures.js';
import type { Translations } from './translation.js';

/** The file of Python that every trainer asks the rewards with. */
const CLIENT_FILE = 'reward_client.py';
/** The variable of the environment that holds the server's token. It is written to no file. */
export const TOKEN_VARIABLE = 'REASON_RFT_REWARD_TOKEN';

/** How the server is told the settings of rewards; the same for every trainer. */
export const REWARD_SETTINGS: Translations<RewardSettings, unknown> = {
  rewardConcurrency: () => ({ note: 'an option of `rewards/serve.sh`' }),
  rewardTimeLimit: () => ({ note: 'an option of `rewards/serve.sh`' }),
  onRewardError: () => ({ note: 'an option of `rewards/serve.sh`' }),
};

/** What `writeRewards` has found out about the rewards. */
export interface WrittenRewards {
  /** The packages that own rewards import, which have to be installed where the server runs. */
  packages: string[];
}

/** Writes `rewards/` and the client into a folder. */
export async function writeRewards(folder: string, experiment: Experiment): Promise<WrittenRewards> {
  const rewards = path.join(folder, 'rewards');
  mkdirSync(rewards);
  await writeRows(rewards, experiment);
  const { list, packages } = copyOwnRewards(rewards, experiment.rewards);
  const script = path.join(rewards, 'serve.sh');
  writeFileOfPartial(script, serveScript(list, experiment.grpo));
  copyPython(CLIENT_FILE, path.join(folder, CLIENT_FILE));
  return { packages };
}

/** Copies a file of Python of this room. @param name its path below `lib/handover` */
export function copyPython(name: string, to: string): void {
  copyFileSync(path.join(repositoryRoot(), 'lib', 'handover', name), to);
}

/** Writes `rows.jsonl` and `images/`. A row names its pictures as it did; a name that another picture has gets a folder before it. */
async function writeRows(folder: string, { questions, heldOut }: Experiment): Promise<void> {
  const digests = new Map<string, string>();
  const lines: string[] = [];
  const write = async (rows: readonly QuestionRow[], others: string) => {
    for (const [index, row] of rows.entries()) {
      const names: string[] = [];
      for (const { name, bytes } of await readPictures(row, index, false)) {
        const digest = createHash('sha256').update(bytes).digest('hex');
        const own = [digest, undefined].includes(digests.get(name)) ? name : path.posix.join(others, name);
        if (!digests.has(own)) {
          const file = path.join(folder, 'images', own);
          mkdirSync(path.dirname(file), { recursive: true });
          writeFileOfPartial(file, bytes);
          digests.set(own, digest);
        }
        names.push(own);
      }
      lines.push(JSON.stringify({ ...row.row, image: names }));
    }
  };
  await write(questions, 'train');
  await write(heldOut?.rows ?? [], 'held-out');
  writeFileOfPartial(path.join(folder, 'rows.jsonl'), `${lines.join('\n')}\n`);
}

/**
 * Copies the files of own rewards into `code/`, as they lie to each other.
 *
 * @returns the list of rewards for a server that runs in the folder, and the packages that the files import
 */
function copyOwnRewards(
  folder: string,
  rewards: readonly ListedReward[],
): { list: string } & Pick<WrittenRewards, 'packages'> {
  const files = [...new Set(rewards.flatMap(({ file }) => (file === undefined ? [] : ownFilesOf(file))))];
  const root = commonFolder(files);
  const copies = new Map(
    files.map((file) => [file, path.posix.join('code', ...path.relative(root, file).split(path.sep))]),
  );
  const packages = new Set<string>();
  for (const [file, copy] of copies) {
    mkdirSync(path.join(folder, path.dirname(copy)), { recursive: true });
    copyFileSync(file, path.join(folder, copy));
    for (const name of importedPackages(readFileSync(file, 'utf8'))) packages.add(name);
  }
  const entries = rewards.map(({ name, weight, code, file }) =>
    file === undefined || 'kit' in code ? `${name}=${weight}` : `./${copies.get(file)!}#${code.export}=${weight}`,
  );
  return { list: entries.join(','), packages: [...packages].sort() };
}

/** The deepest folder that holds all files. */
function commonFolder(files: readonly string[]): string {
  const [first = '', ...others] = files.map((file) => path.dirname(file));
  let folder = first;
  const holds = (other: string) =>
    other === folder || other.startsWith(folder.endsWith(path.sep) ? folder : folder + path.sep);
  while (!others.every(holds)) folder = path.dirname(folder);
  return folder;
}

/** The packages that a source imports, but for Node's own and the kit. */
function importedPackages(source: string): string[] {
  const specifiers = [...source.matchAll(/(?:\bfrom|\bimport|\bimport\(|\brequire\()\s*['"]([^.'"/][^'"]*)['"]/g)].map(
    ([, name]) => name!,
  );
  const packages = specifiers.map((name) =>
    name
      .split('/')
      .slice(0, name.startsWith('@') ? 2 : 1)
      .join('/'),
  );
  return packages.filter((name) => !isBuiltin(name) && name !== 'reason-rft');
}

/** A text as one word of a shell. */
export function shellWord(text: string): string {
  return /^[\w./:=,#@+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

function serveScript(list: string, settings: GrpoSettings): string {
  const { rewardConcurrency, rewardTimeLimit, onRewardError } = settings;
  return `#!/bin/sh
# Serves the rewards of this folder, with the kit's own functions: sh rewards/serve.sh [--host ADDRESS] [--port N]
# The token is that of ${TOKEN_VARIABLE}. If this folder lies outside of the kit, REASON_RFT names its program:
#   REASON_RFT=/path/to/reason-rft-kit/node_modules/.bin/reason-rft sh rewards/serve.sh
set -e
: "\${${TOKEN_VARIABLE}:?set it to a token of 16 characters or more, which the trainer needs too}"
cd "$(dirname "$0")"
exec \${REASON_RFT:-npx --no-install reason-rft} serve-rewards --data rows.jsonl \\
  --rewards ${shellWord(list)} \\
  --reward-concurrency ${rewardConcurrency} --reward-time-limit ${rewardTimeLimit} --on-reward-error ${onRewardError} "$@"
`;
}

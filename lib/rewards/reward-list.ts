/** Reads a list of rewards as the command line and configurations write it: names of the kit's, and files of one's own. */
import path from 'node:path';
import { isOwnFile, loadOwnExport, type OwnCodeIdentity } from './own-code.js';
import type { Reward } from './reward.js';
import { REWARDS, type RewardName } from './rewards.js';

/** A reward of a list, with what the code of it is known by: the name of one of the kit's, or the files of one's own. */
export interface ListedReward {
  /** The name in metrics and logs. */
  name: string;
  weight: number;
  reward: Reward;
  code: { kit: RewardName } | OwnCodeIdentity;
  /** The file of a reward of one's own. */
  file?: string;
}

/** A reward of the kit. */
export function kitReward(name: RewardName, weight = 1): ListedReward {
  return { name, weight, reward: REWARDS[name], code: { kit: name } };
}

/**
 * Reads a list such as `accuracy,format=0.5,./mine.ts#brevity=0.2`: names of the kit's rewards, with or without their ending `_reward`,
 * and exports of TypeScript or JavaScript files. A weight follows an equals sign; it is 1 if there is none. The name of an own reward is
 * that of its export, or of the file for a default export.
 *
 * @throws Error naming an unknown reward, a missing file or export with what is there, a reward that is named twice, or a weight that is
 *   no number
 */
export function parseRewardList(list: string): ListedReward[] {
  const rewards = list.split(',').map((entry) => parseEntry(entry.trim()));
  const names = rewards.map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined)
    throw new Error(
      `the list of rewards names ${twice} twice; name it once, with a weight: ${twice}=2 counts it twice`,
    );
  return rewards;
}

function parseEntry(entry: string): ListedReward {
  const [, target = '', exportName, weightText = '1'] = /^([^#=]*)(?:#([^#=]*))?(?:=([^=]*))?$/.exec(entry) ?? [];
  const weight = Number(weightText);
  if (weightText.trim() === '' || !Number.isFinite(weight))
    throw new Error(`the weight of ${target} must be a number, got '${weightText}'`);
  if (isOwnFile(target)) return ownReward(target, exportName, weight);
  const name = [target, `${target}_reward`].find((one) => Object.hasOwn(REWARDS, one));
  if (name === undefined || exportName !== undefined)
    throw new Error(
      `there is no reward '${entry}'; choose from ${Object.keys(REWARDS).join(', ')}, or name a file of your own: ./mine.ts#name`,
    );
  return kitReward(name as RewardName, weight);
}

function ownReward(file: string, exportName: string | undefined, weight: number): ListedReward {
  const { name, value, identity, file: ownFile } = loadOwnExport(file, exportName);
  if (!isReward(value))
    throw new Error(
      `${file}#${name} is no reward: it must be a function of one completion, or an object with 'batch', a function of all of them`,
    );
  const ownName = name === 'default' ? path.basename(file).replace(/\.[^.]+$/, '') : name;
  return { name: ownName, weight, reward: value, code: identity, file: ownFile };
}

function isReward(value: unknown): value is Reward {
  return typeof value === 'function' || typeof (value as { batch?: unknown } | null)?.batch === 'function';
}

/** `reason-rft serve-rewards`: the rewards of a run behind HTTP, for trainers in other languages. */
import { randomBytes } from 'node:crypto';
import type { Command } from 'commander';
import { readRows } from '../../records/open-rows.js';
import { serveRewards } from '../../serve/reward-server.js';
import { type RowsById, rowsById } from '../../serve/score-request.js';
import { STOP_SIGNALS } from '../../train/loop.js';
import { checkRewardSettings, REWARD_DEFAULTS, type RewardSettings } from '../../train/named-reward.js';
import { printResult } from '../print-result.js';
import { parseRewards, REWARDS_TEXT } from '../reward-option.js';
import { checkUsage, parseWholeNumber } from '../usage.js';

/** The variable of the environment that holds the token. */
const TOKEN_VARIABLE = 'REASON_RFT_REWARD_TOKEN';

interface ServeOptions {
  rewards: string;
  data?: string;
  images?: string;
  host: string;
  port: string;
  rewardConcurrency: string;
  rewardTimeLimit: string;
  onRewardError: string;
  json?: boolean;
}

/** Adds the command to the program. */
export function addServeRewards(program: Command): void {
  program
    .command('serve-rewards')
    .description('serve rewards over HTTP, until it is stopped')
    .requiredOption('--rewards <list>', REWARDS_TEXT)
    .option('--data <file>', 'rows that requests name by their ids (default: none; requests bring whole rows)')
    .option('--images <dir>', 'where their pictures lie (default: in images/ beside the file, or beside it)')
    .option('--host <address>', 'the address to listen on; 0.0.0.0 for other machines', '127.0.0.1')
    .option('--port <n>', '0: any that is free', '8771')
    .option(
      '--reward-concurrency <n>',
      'answers of one reward that are waited for at once',
      String(REWARD_DEFAULTS.rewardConcurrency),
    )
    .option('--reward-time-limit <seconds>', 'the longest wait for an answer', String(REWARD_DEFAULTS.rewardTimeLimit))
    .option(
      '--on-reward-error <stop|null>',
      'what a failure becomes: an error of the request, or null',
      REWARD_DEFAULTS.onRewardError,
    )
    .option('--json', 'one JSON object on stdout once it listens')
    .addHelpText(
      'after',
      `\nThe token is that of the variable ${TOKEN_VARIABLE}; if it is not set, one is made and printed.\n` +
        'Example: reason-rft serve-rewards --data rows.jsonl --rewards accuracy,./mine.ts#brevity=0.2',
    )
    .action(serve);
}

async function serve(options: ServeOptions): Promise<void> {
  const { host, json } = options;
  const port = parseWholeNumber('--port', options.port);
  const settings = {
    rewardConcurrency: parseWholeNumber('--reward-concurrency', options.rewardConcurrency, 1),
    rewardTimeLimit: Number(options.rewardTimeLimit),
    onRewardError: options.onRewardError as RewardSettings['onRewardError'],
  };
  checkUsage(() => checkRewardSettings(settings));
  const rewards = parseRewards(options.rewards);
  const rows: RowsById = options.data
    ? rowsById(await readRows({ file: options.data, images: options.images }))
    : new Map();
  const asked = process.env[TOKEN_VARIABLE];
  const token = asked ?? randomBytes(24).toString('base64url');
  const server = await serveRewards({ rewards, settings, rows, token, host, port });
  if (asked === undefined) process.stderr.write(`token: ${token}\n`);
  const list = rewards.map(({ name, weight }) => `${name}=${weight}`).join(', ');
  printResult(
    json,
    { address: server.address, rewards: rewards.map(({ name, weight }) => ({ name, weight })), rows: rows.size },
    `${list} of ${rows.size} rows at ${server.address}; POST /score, GET /health`,
  );
  await new Promise<void>((resolve) => {
    for (const signal of STOP_SIGNALS) process.once(signal, () => resolve());
  });
  await server.close();
}

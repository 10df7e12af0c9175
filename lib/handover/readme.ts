/** The parts of a hand-over's README that are the same for every trainer. */
import type { Experiment } from './experiment.js';
import { TOKEN_VARIABLE } from './rewards-folder.js';

/** What was handed over, in a table. */
export function contentsText({
  questions,
  stageOne,
  heldOut,
  model,
  rewards,
  grpo,
  lora,
  precision,
}: Experiment): string {
  const start = 'folder' in model ? '`model/`' : `\`${model.repo}\`, revision \`${model.revision}\``;
  const rows: [string, string][] = [
    ['start', start],
    ...(stageOne
      ? [
          [
            'stage 1',
            `${stageOne.rows.length} rows, ${stageOne.target === 'cot' ? 'rationale and answer' : 'the answer alone'}`,
          ] as [string, string],
        ]
      : []),
    [
      'GRPO',
      `${questions.length} rows, ${grpo.steps} steps of ${grpo.promptsPerStep} prompts with ${grpo.completions} completions each`,
    ],
    ...(heldOut
      ? [['held out', `${heldOut.rows.length} rows, every ${heldOut.evaluateEvery} steps`] as [string, string]]
      : []),
    ['rewards', rewards.map(({ name, weight }) => `\`${name}\` x ${weight}`).join(', ')],
    ['trained', lora ? `adapters of rank ${lora.rank}` : 'all weights'],
    ['precision', precision],
  ];
  return ['| | |', '|---|---|', ...rows.map(([name, text]) => `| ${name} | ${text} |`)].join('\n');
}

/** How the reward server is started, and reached from other machines. */
export function rewardServerText(packages: readonly string[]): string {
  const install =
    packages.length === 0
      ? ''
      : `\nYour rewards import ${packages.map((name) => `\`${name}\``).join(', ')}: install these in \`rewards/code\` first.\n`;
  return `The rewards are computed by the kit, from this folder. Keep this running while you train, on a machine that has the kit:

\`\`\`sh
export ${TOKEN_VARIABLE}=$(openssl rand -hex 24)      # the same token for the trainer; it stands in no file
REASON_RFT=/path/to/reason-rft-kit/node_modules/.bin/reason-rft sh rewards/serve.sh
\`\`\`
${install}
The trainer looks for it at \`REASON_RFT_REWARD_URL\`, which is \`http://127.0.0.1:8771\` if it is not set. From another machine reach it through
a tunnel (\`ssh -L 8771:127.0.0.1:8771 MACHINE\`), as it speaks plain HTTP. If the server does not answer for
\`REASON_RFT_REWARD_PATIENCE\` seconds (120), the training ends with an error before its update; no completion is ever scored 0 for that.`;
}

/** What to know of single settings: their notes, by name. */
export function notesText(notes: { readonly [setting: string]: string }): string {
  return Object.entries(notes)
    .map(([setting, note]) => `- \`${setting}\`: ${note}`)
    .join('\n');
}

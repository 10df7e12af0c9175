/** The page that stands in the folder of a hand-over to TRL, and the packages that it needs. */
import type { Experiment } from '../experiment.js';
import { contentsText, notesText, rewardServerText } from '../readme.js';
import { processesOfNode, updateSizes } from './launch.js';

/** The versions that were tried together: the tests of the kit run them on the CPU. */
export const REQUIREMENTS = `accelerate==1.15.0
datasets==5.2.0
peft==0.21.2
pillow==13.0.0
tensorboard==2.21.0
torch==2.15.0
torchvision==0.29.2
transformers==5.23.0
trl==1.16.0
`;

/** With vLLM, whose newest version that TRL 1.16 takes needs older packages. pip finds them to fit; they need GPUs and were not run. */
export const VLLM_REQUIREMENTS = `accelerate==1.15.0
datasets==5.2.0
peft==0.21.2
pillow==13.0.0
tensorboard==2.21.0
torch==2.13.0
torchvision==0.28.0
transformers==5.17.0
trl==1.16.0
vllm==0.31.0
`;

/** The page. */
export function readmeText(
  experiment: Experiment,
  notes: { readonly [setting: string]: string },
  packages: readonly string[],
): string {
  const { stageOne, lora } = experiment;
  const both = (command: string, options = '') =>
    [...(stageOne ? [`${command} sft`] : []), `${command} grpo${options}`].join('\n');
  return `# An experiment of the kit, for TRL

${contentsText(experiment)}

## Train

\`\`\`sh
python -m venv env && . env/bin/activate && pip install -r requirements.txt
${lora ? '' : 'pip install deepspeed==0.19.8           # for several GPUs\n'}\`\`\`

${rewardServerText(packages)}

Try it first, on the CPU: three rollouts.

\`\`\`sh
${stageOne ? 'sh launch/cpu.sh sft --stop-after 3\n' : ''}sh launch/cpu.sh grpo --stop-after 3 --out out/try
\`\`\`

Then the whole experiment. ${stageOne ? 'GRPO begins with what stage 1 left in `out/sft/final`. ' : ''}A run that ended early goes on with \`--resume\`.

\`\`\`sh
${both('sh launch/one-gpu.sh')}
\`\`\`

${nodesText(experiment, both)}

vLLM draws completions several times faster. Install \`requirements-vllm.txt\` in place of the other file and add \`--vllm colocate\` to the
command of GRPO; it then shares the GPUs of the training. With \`--vllm server\` it has GPUs of its own. Start it there with the model
that GRPO starts from, and name its address with \`--vllm-url\` (default: \`http://127.0.0.1:8000\`):

\`\`\`sh
VLLM_SERVER_DEV_MODE=1 vllm serve MODEL --weight-transfer-config '{"backend": "nccl"}' \\
  --logprobs-mode processed_logprobs --enable-scale-out
\`\`\`

The log-probabilities of vLLM differ a little from those of the training, which TRL corrects by weights of its own.
vLLM, DeepSpeed and several GPUs could not be tried where this folder was made.

## What comes of it

\`out/grpo/final\` is the checkpoint, \`out/grpo/trainer_state.json\` the log, one line a step under the names of the kit, and
\`out/grpo/completions/\` has every completion with its rewards, one file a rollout. \`npx reason-rft takeback out/grpo --out
runs/NAME\` makes a run of the kit of them.

## What to know of the settings

\`config/\` holds every setting as an option of TRL; \`experiment.json\` has them in the words of the kit. TRL counts optimizer updates as steps.

${notesText(notes)}
`;
}

/** The commands for several GPUs, or why there are none. */
function nodesText(experiment: Experiment, both: (command: string) => string): string {
  const sizes = updateSizes(experiment);
  const used = (nodes: number) =>
    Object.entries(sizes)
      .map(([phase, update]) => `${processesOfNode(update, nodes)} in ${phase}`)
      .join(', ');
  const fits = (nodes: number) => Object.values(sizes).every((update) => processesOfNode(update, nodes) > 0);
  const shared = `An update (${Object.entries(sizes)
    .map(([phase, update]) => `${update} ${phase === 'sft' ? 'examples' : 'completions'} in ${phase}`)
    .join(', ')}) is shared evenly`;
  const one = `On one node of eight GPUs. ${shared}, by ${used(1)}.

\`\`\`sh
${both('sh launch/eight-gpus.sh')}
\`\`\``;
  if (!fits(2)) return `${one}\n\nTwo nodes cannot share such an update evenly.`;
  return `${one}

On two nodes, by ${used(2)} on each. Start it on both, with the token on both and this folder on a file system that both see:

\`\`\`sh
export NODE_RANK=0 MAIN_ADDRESS=10.0.0.1              # on the other node NODE_RANK=1
${both('sh launch/two-nodes.sh')}
\`\`\``;
}

/** The page that stands in the folder of a hand-over to verl, and the packages that it needs. */
import type { Experiment } from '../experiment.js';
import { contentsText, notesText, rewardServerText } from '../readme.js';
import { gpusOfNode } from './launch.js';

/**
 * verl names its own versions of PyTorch, vLLM and transformers. The tests of the kit load its data set, rewards, sampler and configuration
 * on the CPU with verl 0.9.1, transformers 5.9.0 and PyTorch 2.15.0; GPUs were not tried.
 */
export const REQUIREMENTS = `verl[vllm,fsdp]==0.9.1
tensorboard==2.21.0
`;

/** The page. */
export function readmeText(
  experiment: Experiment,
  notes: { readonly [setting: string]: string },
  packages: readonly string[],
): string {
  const { stageOne, model } = experiment;
  const fetch =
    'folder' in model
      ? ''
      : `\nFetch the start first: \`hf download ${model.repo} --revision ${model.revision} --local-dir model\`.\n`;
  return `# An experiment of the kit, for verl

${contentsText(experiment)}

## Train

\`\`\`sh
python -m venv env && . env/bin/activate && pip install -r requirements.txt     # Linux with CUDA
\`\`\`
${fetch}
${rewardServerText(packages)}

${stageOne ? stageOneText() : ''}${stageOne ? 'Then GRPO, which begins with what stage 1 left.' : 'GRPO,'} On one GPU, or on ${gpusOfNode(experiment, 1)} of a node with eight (an update is shared evenly by so many):

\`\`\`sh
sh launch/one-gpu.sh grpo
sh launch/eight-gpus.sh grpo
\`\`\`

${twoNodesText(experiment)}A run that ended early goes on from its newest checkpoint with the same command. Further options of verl may stand behind it, such as
\`actor_rollout_ref.rollout.gpu_memory_utilization=0.6\`. verl draws its completions with vLLM, so there is no run on a CPU;
\`python train.py --print\` shows all its options.

## How the rewards are asked

\`kit_rewards.py\` waits until all completions of a prompt have come, and asks for them at once. A reward that fails, a server that is gone and
a completion to which no reward applies end the run before the step's update (\`kit_sampler.py\`): verl itself would train on what is left.

## What comes of it

\`out/grpo/final\` is the checkpoint, \`out/grpo/log-*.jsonl\` and \`out/grpo/tensorboard/\` are verl's logs, and \`out/grpo/rewards.jsonl\` has every
completion with each of its rewards, a line a group. On several nodes they lie where the processes ran, so let the folder be on a shared disk.
\`npx reason-rft takeback\` takes them back.

## What to know of the settings

\`config/grpo.json\` holds every setting as an option of verl; \`experiment.json\` has them in the words of the kit.

${notesText(notes)}
`;
}

function stageOneText(): string {
  return `Stage 1 comes first. It goes through TRL (\`stage-one/\`, with packages of its own), because verl's fine-tuning trains the vision tower whatever is
asked, and the turn's end with a line break after it:

\`\`\`sh
python -m venv stage-one/env && stage-one/env/bin/pip install -r stage-one/requirements.txt
(. stage-one/env/bin/activate && sh launch/one-gpu.sh sft)                      # or launch/eight-gpus.sh, launch/two-nodes.sh
\`\`\`

`;
}

function twoNodesText(experiment: Experiment): string {
  const gpus = gpusOfNode(experiment, 2);
  if (gpus === 0) return 'Two nodes cannot share an update of this size evenly.\n\n';
  return `On two nodes, by ${gpus} GPUs of each, with the folder and the token on both; the script starts a Ray cluster of the two:

\`\`\`sh
export NODE_RANK=0 MAIN_ADDRESS=10.0.0.1              # on the other node NODE_RANK=1
sh launch/two-nodes.sh grpo
\`\`\`

`;
}

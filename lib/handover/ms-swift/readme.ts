/** The page that stands in the folder of a hand-over to ms-swift, and the packages that it needs. */
import type { Experiment } from '../experiment.js';
import { contentsText, notesText, rewardServerText } from '../readme.js';
import { processesOfNode, updateSizes } from '../trl/launch.js';

/** The versions that were tried together on the CPU. DeepSpeed and vLLM need GPUs and were not tried. */
export const REQUIREMENTS = `accelerate==1.15.0
datasets==4.8.4
ms-swift==4.6.0
peft==0.20.0
pillow==13.0.0
qwen-vl-utils==0.0.14
tensorboard==2.21.0
torch==2.15.0
torchvision==0.29.2
transformers==5.9.0
trl==0.27.0
`;

/** With vLLM, which needs an older PyTorch. pip finds them to fit; they need GPUs and were not run. */
export const VLLM_REQUIREMENTS = `accelerate==1.15.0
datasets==4.8.4
ms-swift==4.6.0
peft==0.20.0
pillow==13.0.0
qwen-vl-utils==0.0.14
tensorboard==2.21.0
torch==2.11.0
torchvision==0.26.0
transformers==5.9.0
trl==0.27.0
vllm==0.24.0
`;

/** The page. */
export function readmeText(
  experiment: Experiment,
  notes: { readonly [setting: string]: string },
  packages: readonly string[],
): string {
  const { stageOne, lora } = experiment;
  const both = (command: string) => [...(stageOne ? [`${command} sft`] : []), `${command} grpo`].join('\n');
  return `# An experiment of the kit, for ms-swift

${contentsText(experiment)}

## Train

\`\`\`sh
python -m venv env && . env/bin/activate && pip install -r requirements.txt
${lora ? '' : 'pip install deepspeed==0.19.8           # for several GPUs\n'}\`\`\`

${rewardServerText(packages)}

Try it first, on the CPU: one rollout.

\`\`\`sh
${stageOne ? 'sh launch/cpu.sh sft --max_steps 1\n' : ''}sh launch/cpu.sh grpo --out out/try --max_steps 1
\`\`\`

Then the whole experiment. ${stageOne ? 'GRPO begins with what stage 1 left in `out/sft/final`. ' : ''}A run that ended early goes on with \`--resume\`.

\`\`\`sh
${both('sh launch/one-gpu.sh')}
\`\`\`

${nodesText(experiment, both)}

Arguments of ms-swift may stand behind the phase, and \`python train.py grpo --print\` shows all of them. vLLM draws completions several times
faster: install \`requirements-vllm.txt\` in place of the other file and add \`--use_vllm true --vllm_mode colocate\`.

## How the rewards are asked

\`kit_rewards.py\` is an external plugin with a reward function for each reward. One process asks for all devices, once a step. A reward that
fails, a server that is gone and a completion to which no reward applies end the run before the step's update. A reward that reads the
whole \`prompt\` cannot be used here, and says so.

## What comes of it

\`out/grpo/final\` is the checkpoint. The newest \`out/grpo/checkpoint-*\` has the log (\`trainer_state.json\`), \`out/grpo/logging.jsonl\` has it too,
and \`out/grpo/completions.jsonl\` has every completion with its rewards. \`npx reason-rft takeback\` takes them back.

## What to know of the settings

\`config/\` holds every setting as an argument of ms-swift; \`experiment.json\` has them in the words of the kit. ms-swift counts optimizer
updates as steps.

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
  const one = `On one node of eight GPUs; an update is shared evenly by ${used(1)}.

\`\`\`sh
${both('sh launch/eight-gpus.sh')}
\`\`\``;
  if (Object.values(sizes).some((update) => processesOfNode(update, 2) === 0))
    return `${one}\n\nTwo nodes cannot share such an update evenly.`;
  return `${one}

On two nodes, by ${used(2)} on each. Start it on both, with the folder and the token on both:

\`\`\`sh
export NODE_RANK=0 MASTER_ADDR=10.0.0.1               # on the other node NODE_RANK=1
${both('sh launch/two-nodes.sh')}
\`\`\``;
}

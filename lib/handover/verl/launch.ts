/** Scripts that start verl on one GPU, on eight, and on two nodes of a Ray cluster; stage 1 has scripts of its own. */
import type { Experiment } from '../experiment.js';
import { completionsPerUpdate } from '../trl/grpo-options.js';
import { processesOfNode } from '../trl/launch.js';

/** The GPUs that share an update of GRPO evenly, on each of some nodes; 0 where none do. */
export function gpusOfNode({ grpo }: Experiment, nodes: number): number {
  return processesOfNode(completionsPerUpdate(grpo), nodes);
}

/** The files by their names. */
export function launchFiles(experiment: Experiment): { [name: string]: string } {
  const script = (name: string, what: string, body: string) => ({
    [`launch/${name}.sh`]: scriptText(name, what, experiment.stageOne !== undefined, body),
  });
  return {
    ...script('one-gpu', 'Trains on one GPU', 'exec python train.py --gpus 1 "$@"'),
    ...script(
      'eight-gpus',
      'Trains on the GPUs of one node',
      `exec python train.py --gpus ${gpusOfNode(experiment, 1)} "$@"`,
    ),
    ...(gpusOfNode(experiment, 2) > 0
      ? script('two-nodes', 'Trains on two nodes; start it on both', rayBody(gpusOfNode(experiment, 2)))
      : {}),
  };
}

function scriptText(name: string, what: string, hasStageOne: boolean, body: string): string {
  const phases = hasStageOne ? 'sft|grpo' : 'grpo';
  const sft = hasStageOne
    ? `  sft) shift; test -f stage-one/launch/${name}.sh || { echo "stage 1 cannot be shared so; see README.md" >&2; exit 2; }
       exec sh stage-one/launch/${name}.sh sft "$@" ;;\n`
    : '';
  return `#!/bin/sh
# ${what}: sh launch/${name}.sh ${phases} [options of train.py, which --help lists, and of verl]
set -e
cd "$(dirname "$0")/.."
case $1 in
${sft}  grpo) shift ;;
  *) echo "name the phase: ${phases.replace('|', ' or ')}" >&2; exit 2 ;;
esac
${body}
`;
}

/** The first node starts the cluster, waits for the other and trains; the other serves the cluster until it ends. */
function rayBody(gpus: number): string {
  return `export RAY_ADDRESS="\${MAIN_ADDRESS:?the address of the first node}:\${MAIN_PORT:-6379}"
case \${NODE_RANK:?0 on the first node, 1 on the other} in
  0) env -u RAY_ADDRESS ray start --head --node-ip-address "$MAIN_ADDRESS" --port "\${MAIN_PORT:-6379}" --num-gpus ${gpus}
     trap 'ray stop' EXIT
     python -c 'import ray, time
ray.init()
while sum(node["Alive"] for node in ray.nodes()) < 2: time.sleep(2)'
     python train.py --gpus ${gpus} --nodes 2 "$@" ;;
  1) until env -u RAY_ADDRESS ray start --address "$RAY_ADDRESS" --num-gpus ${gpus} --block; do
       echo "the first node is not there yet, or has ended; Ctrl-C ends this" >&2
       sleep 5
     done ;;
  *) echo "NODE_RANK is 0 or 1" >&2; exit 2 ;;
esac`;
}

/** Scripts that start ms-swift on a CPU, on one GPU, on eight, and on two nodes. */
import type { Experiment } from '../experiment.js';
import { processesOfNode, updateSizes } from '../trl/launch.js';

/** The files by their names. */
export function launchFiles(experiment: Experiment): { [name: string]: string } {
  const sizes = updateSizes(experiment);
  const phases = Object.keys(sizes);
  const files: { [name: string]: string } = {
    'launch/cpu.sh': script('cpu', 'Tries it on the CPU', phases, 'gpus=0', ''),
    'launch/one-gpu.sh': script('one-gpu', 'Trains on one GPU', phases, 'gpus=1', ''),
  };
  const nodes = { 'eight-gpus': 1, 'two-nodes': 2 } as const;
  for (const [name, count] of Object.entries(nodes)) {
    const gpus = phases.map((phase) => [phase, processesOfNode(sizes[phase]!, count)] as const);
    if (gpus.some(([, number]) => number === 0)) continue;
    const cases = gpus.map(([phase, number]) => `  ${phase}) gpus=${number} ;;`).join('\n');
    const what = count === 1 ? 'Trains on the GPUs of one node' : 'Trains on two nodes; start it on both';
    files[`launch/${name}.sh`] = script(
      name,
      what,
      phases,
      `case $phase in\n${cases}\nesac`,
      count === 1 ? '' : ' --nodes 2',
    );
  }
  return files;
}

function script(name: string, what: string, phases: readonly string[], choice: string, nodes: string): string {
  return `#!/bin/sh
# ${what}: sh launch/${name}.sh ${phases.join('|')} [options of train.py, which --help lists, and of ms-swift]
set -e
cd "$(dirname "$0")/.."
case $1 in
  ${phases.join('|')}) phase=$1; shift ;;
  *) echo "name the phase: ${phases.join(' or ')}" >&2; exit 2 ;;
esac
${choice}
exec python train.py $phase --gpus $gpus${nodes} "$@"
`;
}

/** Scripts that start TRL on a CPU, on one GPU, on eight, and on two nodes, with accelerate's and DeepSpeed's configurations. */
import { stringify } from 'yaml';
import type { Experiment } from '../experiment.js';
import { completionsPerUpdate } from './grpo-options.js';

const GPUS_OF_A_NODE = 8;

/** How many processes each node can have at most so that an update is shared evenly; 0 where it cannot. @param update its examples */
export function processesOfNode(update: number, nodes: number): number {
  for (let n = GPUS_OF_A_NODE; n > 0; n--) if (update % (n * nodes) === 0) return n;
  return 0;
}

/** The examples of an update of each phase. */
export function updateSizes({ grpo, stageOne }: Experiment): { [phase: string]: number } {
  return { ...(stageOne && { sft: stageOne.settings.batchSize }), grpo: completionsPerUpdate(grpo) };
}

/** How the processes of two nodes find each other. */
const TWO_NODES = ` \\
  --machine_rank "\${NODE_RANK:?0 on the first node, 1 on the other}" \\
  --main_process_ip "\${MAIN_ADDRESS:?the address of the first node}" --main_process_port "\${MAIN_PORT:-29500}"`;

/** The files by their names. @param sizes the examples of an update of each phase that they are for */
export function launchFiles(
  experiment: Experiment,
  sizes: { readonly [phase: string]: number } = updateSizes(experiment),
): { [name: string]: string } {
  const phases = Object.keys(sizes);
  const files: { [name: string]: string } = {
    'launch/cpu.sh': script(
      'Tries it on the CPU',
      phases,
      'export CUDA_VISIBLE_DEVICES=\nexec python "train_$phase.py" "$@"',
    ),
    'launch/one-gpu.sh': script(
      'Trains on one GPU',
      phases,
      `export CUDA_VISIBLE_DEVICES="\${CUDA_VISIBLE_DEVICES:-0}"\nexec python "train_$phase.py" "$@"`,
    ),
  };
  const nodes = { 'eight-gpus': 1, 'two-nodes': 2 } as const;
  for (const [name, count] of Object.entries(nodes)) {
    const processes = Object.fromEntries(phases.map((phase) => [phase, processesOfNode(sizes[phase]!, count)]));
    if (Object.values(processes).includes(0)) continue;
    files[`config/${name}.yaml`] = accelerateConfig(experiment, count);
    const cases = phases.map((phase) => `  ${phase}) processes=${processes[phase]! * count} ;;`).join('\n');
    const node = count === 1 ? '' : TWO_NODES;
    files[`launch/${name}.sh`] = script(
      count === 1 ? 'Trains on the GPUs of one node' : 'Trains on two nodes; start it on both',
      phases,
      `case $phase in\n${cases}\nesac\nexec accelerate launch --config_file config/${name}.yaml --num_processes $processes${node} \\\n  "train_$phase.py" "$@"`,
    );
  }
  return files;
}

function script(what: string, phases: readonly string[], body: string): string {
  return `#!/bin/sh
# ${what}: sh launch/NAME.sh ${phases.join('|')} [options of train_*.py, which --help lists]
set -e
cd "$(dirname "$0")/.."
case $1 in
  ${phases.join('|')}) phase=$1; shift ;;
  *) echo "name the phase: ${phases.join(' or ')}" >&2; exit 2 ;;
esac
${body}
`;
}

/** All weights are shared among the devices (ZeRO 3). With adapters each device holds the model, and the gradients alone are summed. */
function accelerateConfig({ lora, precision }: Experiment, nodes: number): string {
  return stringify({
    compute_environment: 'LOCAL_MACHINE',
    ...(lora
      ? { distributed_type: 'MULTI_GPU' }
      : {
          distributed_type: 'DEEPSPEED',
          deepspeed_config: {
            deepspeed_multinode_launcher: 'standard',
            zero_stage: 3,
            zero3_init_flag: true,
            zero3_save_16bit_model: true,
            offload_optimizer_device: 'none',
            offload_param_device: 'none',
          },
        }),
    mixed_precision: precision === 'bfloat16' ? 'bf16' : 'no',
    num_machines: nodes,
    machine_rank: 0,
    num_processes: nodes * GPUS_OF_A_NODE,
    rdzv_backend: 'static',
    same_network: true,
    main_training_function: 'main',
    use_cpu: false,
  });
}

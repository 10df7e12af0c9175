/**
 * A process that runs commands as they are sent to it, so that tests of several processes at work do not start one for each command:
 *
 *     child.send({ args: ['curate', ...], env: { REASON_RFT_RUNS: folder } })  ->  { status, stdout, stderr }
 */
import { runCommand } from '../../lib/cli/program.js';

export interface CommandRequest {
  args: string[];
  env: { [variable: string]: string };
}

async function answer({ args, env }: CommandRequest): Promise<void> {
  Object.assign(process.env, env);
  const texts = { stdout: '', stderr: '' };
  const real = { stdout: process.stdout.write, stderr: process.stderr.write };
  for (const stream of ['stdout', 'stderr'] as const)
    process[stream].write = (piece: string | Uint8Array) => {
      texts[stream] += String(piece);
      return true;
    };
  process.exitCode = undefined;
  const status = await runCommand(args);
  Object.assign(process.stdout, { write: real.stdout });
  Object.assign(process.stderr, { write: real.stderr });
  process.exitCode = undefined;
  process.send!({ status, ...texts });
}

process.on('message', (request: CommandRequest) => void answer(request));

/** The process behind `npx reason-rft`: the functions that the notebooks call, for headless and remote runs. */
import { runCommand } from './program.js';

// A closed terminal takes no more progress. The run ends at its step, as its signal says, and leaves a checkpoint.
process.stderr.on('error', () => {});

// A reader such as `head` takes no more of the output. Anything else that is wrong with it, such as a full disk, stays an error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

void runCommand(process.argv.slice(2)).then((code) => {
  process.exitCode = code;
});

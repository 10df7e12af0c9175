/** The process behind `npx reason-rft`: the functions that the notebooks call, for headless and remote runs. */
import { runCommand } from './program.js';

// A closed terminal takes no more progress. The run ends at its step, as its signal says, and leaves a checkpoint.
process.stderr.on('error', () => {});

void runCommand(process.argv.slice(2)).then((code) => {
  process.exitCode = code;
});

/** The process behind `npx reason-rft`: the functions that the notebooks call, for headless and remote runs. */
import { runCommand } from './program.js';

void runCommand(process.argv.slice(2)).then((code) => {
  process.exitCode = code;
});

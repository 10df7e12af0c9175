/** `npm test`: types, format and lint, then every test with Node's own runner. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { SetupFailure } from './failure.js';
import { jupyterEnvironment, ROOT } from './layout.js';

/**
 * The test files below a folder, or the file itself.
 *
 * @throws SetupFailure where no file or folder has that name
 */
export function testFiles(place: string): string[] {
  if (!existsSync(place)) throw new SetupFailure(`test: there is no ${place}; name a file or a folder of tests`, 2);
  if (statSync(place).isFile()) return [place];
  return readdirSync(place)
    .sort()
    .flatMap((name) => {
      const file = path.join(place, name);
      if (statSync(file).isDirectory()) return testFiles(file);
      return name.endsWith('.test.ts') ? [file] : [];
    });
}

/**
 * Runs the checks, then the tests.
 *
 * @param args test files or folders (all tests where there are none), and options for Node's runner such as
 *   `--test-name-pattern=...`
 * @returns the exit code
 */
export function runTests(args: readonly string[]): number {
  const modules = path.join(ROOT, 'node_modules');
  const run = (line: string[]) =>
    spawnSync(process.execPath, line, { cwd: ROOT, stdio: 'inherit', env: jupyterEnvironment() }).status ?? 1;
  const checks = [
    ['types', path.join(modules, 'typescript', 'bin', 'tsc'), '-p', ROOT],
    ['format and lint', path.join(modules, '@biomejs', 'biome', 'bin', 'biome'), 'check', '--error-on-warnings', ROOT],
  ];
  for (const [name, ...line] of checks) {
    const code = run(line);
    if (code !== 0) {
      console.error(`test: ${name} failed`);
      return code;
    }
  }
  const options = args.filter((arg) => arg.startsWith('-'));
  const places = args.filter((arg) => !arg.startsWith('-'));
  const files = (places.length > 0 ? places : [path.join(ROOT, 'test')]).flatMap((place) =>
    testFiles(path.resolve(place)),
  );
  return run(['--import', 'tsx', '--test', '--test-concurrency=2', '--test-reporter=spec', ...options, ...files]);
}

/** `npm test`: types, format and lint, then every test with Node's own runner. */
import { spawnSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { jupyterEnvironment, ROOT } from './layout.js';

/** The test files below a folder, or the file itself. */
export function testFiles(place: string): string[] {
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
 * @param places test files or folders; none: all
 * @returns the exit code
 */
export function runTests(places: readonly string[]): number {
  const modules = path.join(ROOT, 'node_modules');
  const run = (args: string[]) =>
    spawnSync(process.execPath, args, { cwd: ROOT, stdio: 'inherit', env: jupyterEnvironment() }).status ?? 1;
  const checks = [
    ['types', path.join(modules, 'typescript', 'bin', 'tsc'), '-p', ROOT],
    ['format and lint', path.join(modules, '@biomejs', 'biome', 'bin', 'biome'), 'check', '--error-on-warnings', ROOT],
  ];
  for (const [name, ...args] of checks) {
    const code = run(args);
    if (code !== 0) {
      console.error(`test: ${name} failed`);
      return code;
    }
  }
  const files = (places.length > 0 ? places : [path.join(ROOT, 'test')]).flatMap((place) =>
    testFiles(path.resolve(place)),
  );
  return run(['--import', 'tsx', '--test', '--test-concurrency=2', '--test-reporter=spec', ...files]);
}

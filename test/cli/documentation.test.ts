/** The README of the command line has an example of each command. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { repositoryRoot } from '../../lib/study/workspace.js';

const room = path.join(repositoryRoot(), 'lib', 'cli');
const commands = readdirSync(path.join(room, 'commands')).map((file) => path.basename(file, '.ts'));

test('each command has a row with an example, and no other command has one', () => {
  const rows = readFileSync(path.join(room, 'README.md'), 'utf8').matchAll(
    /^\| `([\w-]+)` \| .+ \| `npx reason-rft ([\w-]+)/gm,
  );
  const named = [...rows].map(([, command, example]) => [command, example]);
  assert.deepEqual(named.toSorted(), commands.map((command) => [command, command]).sort());
});

test('each command is listed in the program', () => {
  const program = readFileSync(path.join(room, 'program.ts'), 'utf8');
  const listed = [...program.matchAll(/import\('\.\/commands\/([\w-]+)\.js'\)/g)].map(([, command]) => command);
  assert.deepEqual(listed.sort(), commands.sort());
});

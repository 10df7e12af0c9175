/** Finds the Python that virtual environments are made with. */
import { spawnSync } from 'node:child_process';

/** A Python that TensorFlow has packages for, as a program and its first arguments; or what this machine lacks, with the remedy. */
export type FoundPython = { program: string; args: string[] } | { lacks: string };

/** Finds the first Python of version 3.10 to 3.13 that can make virtual environments. If `PYTHON` is set, it looks at that one alone. */
export function findPython(asked = process.env.PYTHON): FoundPython {
  const names = ['python3', 'python3.13', 'python3.12', 'python3.11', 'python3.10', 'python'];
  const candidates = asked ? [[asked]] : [...names.map((name) => [name]), ['py', '-3']];
  const refused: string[] = [];
  const script = 'import sys; print("%d.%d" % sys.version_info[:2]); import venv, ensurepip';
  for (const [program, ...args] of candidates as [string, ...string[]][]) {
    const answer = spawnSync(program, [...args, '-c', script], { encoding: 'utf8' });
    const version = /^(\d+)\.(\d+)/.exec(answer.stdout ?? '');
    if (!version) continue;
    const fits = Number(version[1]) === 3 && Number(version[2]) >= 10 && Number(version[2]) <= 13;
    if (fits && answer.status === 0) return { program, args };
    refused.push(`${program} is ${version[0]}${fits ? ' without venv' : ''}`);
  }
  const seen = [...new Set(refused)].join(', ') || (asked ? `PYTHON=${asked} does not run` : 'none was found');
  return {
    lacks: `Python 3.10 to 3.13 with venv is needed (${seen}); install one (Debian: apt-get install python3 python3-venv), or set PYTHON to its program`,
  };
}

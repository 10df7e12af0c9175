/** Makes folders, adds to files, moves and removes. A failure names the place and says what to do, whatever the system calls it. */
import { appendFileSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';

/** Makes a folder, and those above it, where there is none. @throws Error naming the folder and what to do */
export function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
  } catch (error) {
    throw diskFailure(`cannot make the folder ${folder}`, error as Error);
  }
}

/** Adds to the end of a file. @throws Error naming the file and what to do; a part of the content may then be there */
export function appendToFile(file: string, content: string | Uint8Array): void {
  try {
    appendFileSync(file, content);
  } catch (error) {
    throw diskFailure(`cannot add to ${file}`, error as Error);
  }
}

/**
 * Writes a file of a folder that nobody reads yet, as it is renamed when it is whole; all others are written by `writeFileAtomic`.
 *
 * @throws Error naming the file and what to do; a part of the content may then be there
 */
export function writeFileOfPartial(file: string, content: string | Uint8Array): void {
  try {
    writeFileSync(file, content);
  } catch (error) {
    throw diskFailure(`cannot write ${file}`, error as Error);
  }
}

/** Removes a file or a folder with all that it holds, if it is there. @throws Error naming it and what to do */
export function removePath(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch (error) {
    throw diskFailure(`cannot remove ${path}`, error as Error);
  }
}

/** Removes what a failed piece of work has left. That failure says more than one of the removal, which is passed over. */
export function discard(paths: readonly string[]): void {
  for (const path of paths) {
    try {
      rmSync(path, { recursive: true, force: true });
    } catch {
      // It has a name that no reader takes for whole, and the next start removes it.
    }
  }
}

/** Renames a file or a folder. @throws Error naming both and what to do; its cause is the system's error */
export function movePath(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    throw diskFailure(`cannot rename ${from} to ${to}`, error as Error);
  }
}

/** The system's code of an error of this file, such as `ENOENT`. */
export function codeOf(error: unknown): string | undefined {
  const { code, cause } = error as NodeJS.ErrnoException;
  return code ?? (cause as NodeJS.ErrnoException | undefined)?.code;
}

/** The error for people. @param problem what could not be done, and where @param addition what else holds when the disk is full */
export function diskFailure(problem: string, error: NodeJS.ErrnoException, addition = ''): Error {
  return new Error(`${problem}: ${remedyOf(error, addition)}`, { cause: error });
}

function remedyOf({ code, syscall, message }: NodeJS.ErrnoException, addition: string): string {
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return `the disk is full; free some space and run the same again${addition}`;
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS')
    return 'no permission to write there; choose another folder';
  if (code === 'ENOTDIR' || code === 'EEXIST')
    return `a part of the path is a file; choose another folder (${message})`;
  // On a mount that is read-only, a folder that cannot be made is said not to exist.
  if (code === 'ENOENT' && syscall === 'mkdir')
    return `no folder can be made there; choose another folder (${message})`;
  return message;
}

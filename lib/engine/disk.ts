/** Makes folders and adds to files. A failure names the place and says what to do, whatever the system calls it. */
import { appendFileSync, mkdirSync } from 'node:fs';

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

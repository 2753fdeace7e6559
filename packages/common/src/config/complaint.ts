// SPDX-License-Identifier: AGPL-3.0-or-later
import { escapeControls } from '../byte-path.ts';
import { BackupError } from '../errors.ts';

/** Where in a file; both count from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** Keys and list indexes that lead to a value: `['hosts', 0, 'port']`. */
export type ConfigPath = readonly PropertyKey[];

/** One thing that is wrong in a configuration file. */
export interface Complaint extends Position {
  readonly file: string;
  /** Empty where the complaint is about the file as a whole, or about its syntax. */
  readonly path: ConfigPath;
  /** What is wrong, the value that was found, what is allowed. */
  readonly message: string;
}

/** `hosts[0].port` */
function formatPath(path: ConfigPath): string {
  const text = path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('');
  return escapeControls(text.replace(/^\./, ''));
}

/** `FILE:LINE:COLUMN: key.path: message`, which editors and `grep -n` users can jump to. */
export function formatComplaint({ file, line, column, path, message }: Complaint): string {
  const where = `${escapeControls(file)}:${line}:${column}`;
  return path.length === 0 ? `${where}: ${message}` : `${where}: ${formatPath(path)}: ${message}`;
}

/** In the order of the file. */
export function sortComplaints(complaints: readonly Complaint[]): Complaint[] {
  return [...complaints].sort((a, b) => a.line - b.line || a.column - b.column);
}

/** One error that lists all complaints about one file. */
export function complaintError(file: string, complaints: readonly Complaint[]): BackupError {
  const lines = sortComplaints(complaints).map(formatComplaint);
  if (lines.length === 1) return new BackupError('config', lines[0] ?? '');
  return new BackupError('config', [`${lines.length} mistakes in ${escapeControls(file)}:`, ...lines].join('\n'));
}

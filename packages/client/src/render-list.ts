// SPDX-License-Identifier: AGPL-3.0-or-later
import { formatBytes } from '@local-backup/common/bytes';
import type { Status } from '@local-backup/common/status';

export interface ListedArchive {
  readonly name: string;
  readonly bytes: number;
  /** `waiting` for the server, or `stored`: the server has moved it to `done/`. */
  readonly state: 'waiting' | 'stored';
  /** Undefined where there is no readable manifest. */
  readonly status: Status | undefined;
  readonly files: number | undefined;
  readonly services: readonly { readonly name: string; readonly status: Status }[];
}

/** What `backup-client list` prints. Pure. */
export function renderList(spool: string, archives: readonly ListedArchive[]): string {
  if (archives.length === 0) return `No archives in ${spool}. Make one: backup-client backup\n`;
  const rows = archives.flatMap((archive) => [
    [
      archive.name,
      formatBytes(archive.bytes).padStart(10),
      (archive.files === undefined ? '' : `${archive.files} files`).padStart(14),
      archive.state.padEnd(8),
      archive.status ?? 'no manifest: not published',
    ].join('  '),
    ...archive.services
      .filter(({ status }) => status !== 'success')
      .map(({ name, status }) => `    ${name}: ${status}`),
  ]);
  return `${rows.join('\n')}\n`;
}

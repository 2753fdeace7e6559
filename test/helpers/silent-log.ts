// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Log } from '@local-backup/common/log';

/** A log that writes nothing. */
export const silentLog: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLog,
};

// SPDX-License-Identifier: AGPL-3.0-or-later
import { showControls } from '@local-backup/common/byte-path';
import type { Finding } from '../check-list.ts';
import { changesSince, readKitState } from '../recovery-kit/kit-state.ts';
import { formatTime } from '../report/text.ts';
import { configurationFiles } from './kit-contents.ts';
import type { Session } from './session.ts';

const WRITE_ONE = 'Write one, and keep it away from this machine: backup-server recovery-kit --to FILE';

/** Changes that are named; there may be hundreds. */
const NAMED = 5;

/** Is there a recovery kit, and is it of today's configuration? The kit itself is elsewhere, where it belongs. */
export async function lookAtKit(session: Session): Promise<Finding> {
  const state = await readKitState(session.config.stateDir);
  if (state === undefined)
    return {
      warning: `there has never been one: with this machine the keys to all backups would be lost. ${WRITE_ONE}`,
    };
  const changes = changesSince(state, (await configurationFiles(session)).files);
  const which = `the one of ${formatTime(state.written)} (${showControls(state.file)})`;
  if (changes.length > 0) {
    const named = changes.slice(0, NAMED).map(showControls);
    const more = changes.length > NAMED ? [`and ${changes.length - NAMED} more`] : [];
    return { warning: `${which} is older than the configuration: ${[...named, ...more].join(', ')}. ${WRITE_ONE}` };
  }
  if (state.problems.length > 0) return { warning: `${which} lacks: ${state.problems.join(' ')}\n${WRITE_ONE}` };
  return `${which} holds the configuration as it is now`;
}

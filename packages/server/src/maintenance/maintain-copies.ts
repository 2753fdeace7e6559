// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError } from '@local-backup/common/errors';
import type { HostFacts, HostProgress } from '../host-attempt.ts';
import { formatCount } from '../report/text.ts';
import type { Trail } from '../report/trail.ts';
import { type MaintainIo, maintainHost } from './maintain-host.ts';

/** A further repository of a host, and what its maintenance works with: a memory, a policy and a health of its own. */
export interface CopyUpkeep {
  readonly name: string;
  readonly io: MaintainIo;
}

/**
 * Keeps the further repositories of a host in order, after the first one was: while that is damaged, a copy may be all
 * there is, and nothing is forgotten there. What is wrong with one is told, makes the host fail, and costs the others nothing.
 */
export async function maintainCopies(copies: readonly CopyUpkeep[], { trail }: HostProgress): Promise<void> {
  for (const { name, io } of copies) {
    const step = `copy ${name}`;
    const facts: HostFacts = { services: [] };
    try {
      await trail.step(step, () => maintainHost(io, { trail: within(step, trail), facts }));
    } catch (error) {
      io.signal.throwIfAborted();
      if (!(error instanceof BackupError)) throw error;
    }
    if (facts.upkeep === undefined) continue;
    const { snapshots, forgotten } = facts.upkeep;
    trail.note(step, `${formatCount(snapshots)} snapshots before, ${formatCount(forgotten)} forgotten`);
  }
}

/** The steps of a copy are one step of its host: what is said in them is said under its name. */
function within(step: string, trail: Trail): Trail {
  return {
    steps: trail.steps,
    async step(name, work) {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof BackupError)) throw error;
        throw new BackupError(error.code, `${name}: ${error.message}`, { cause: error });
      }
    },
    warn: (name, message) => trail.warn(step, `${name}: ${message}`),
    note: (name, message) => trail.note(step, `${name}: ${message}`),
    skip: (name, code, message) => trail.skip(step, code, `${name}: ${message}`),
  };
}

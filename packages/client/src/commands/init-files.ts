// SPDX-License-Identifier: AGPL-3.0-or-later
import { join } from 'node:path';
import { BackupError } from '@local-backup/common/errors';
import { type Proposal, serviceOf } from '../init/proposal.ts';
import { describeProposal, type InitFindings } from '../init/render-proposals.ts';
import { renderService } from '../init/render-service.ts';
import { makeDirectories, writeNewFile } from '../init/write-new-file.ts';
import type { Plugin } from '../plugin.ts';
import { parseService } from '../service.ts';

/** The file of a proposal. */
function fileOf(serviceDir: string, { type, name }: Proposal): string {
  return join(serviceDir, type, name, 'service.yaml');
}

/**
 * Proposals whose files a run would accept. Names on a host may be anything: what cannot be written down is told.
 * @returns the others as sentences
 */
export function acceptableProposals(
  serviceDir: string,
  proposals: readonly Proposal[],
  plugins: readonly Plugin[],
): { readonly accepted: readonly Proposal[]; readonly refused: readonly string[] } {
  const accepted: Proposal[] = [];
  const refused: string[] = [];
  for (const proposal of proposals) {
    try {
      for (const form of [proposal, ...(proposal.otherwise === undefined ? [] : [proposal.otherwise.instead])]) {
        parseService(renderService(form), fileOf(serviceDir, form), plugins);
      }
      accepted.push(proposal);
    } catch (error) {
      if (!(error instanceof BackupError)) throw error;
      refused.push(`${serviceOf(proposal)} (${describeProposal(proposal)}) is not proposed: ${error.message}`);
    }
  }
  return { accepted, refused };
}

/** What became of a proposal. */
export interface WrittenProposal {
  readonly service: string;
  readonly file: string;
  /** Why it could not be written. */
  readonly failure?: string;
}

/** Writes the files; one that cannot be written keeps no other from being. */
export async function writeProposals(
  serviceDir: string,
  proposals: readonly Proposal[],
): Promise<readonly WrittenProposal[]> {
  const results: WrittenProposal[] = [];
  for (const proposal of proposals) {
    const [service, file] = [serviceOf(proposal), fileOf(serviceDir, proposal)];
    try {
      await makeDirectories(serviceDir, [proposal.type, proposal.name]);
      if (!(await writeNewFile(file, renderService(proposal)))) {
        throw new BackupError('failed', `${file} is there by now and is not changed.`);
      }
      results.push({ service, file });
    } catch (error) {
      if (!(error instanceof BackupError)) throw error;
      results.push({ service, file, failure: error.message });
    }
  }
  return results;
}

/** The files, each under its name. */
export function filesAsText(serviceDir: string, proposals: readonly Proposal[]): string {
  return proposals
    .map((proposal) => `\n--- ${fileOf(serviceDir, proposal)}\n${renderService(proposal)}`)
    .concat('\n')
    .join('');
}

/** What `--json` prints. */
export function findingsAsJson(serviceDir: string, { proposals, already, notes }: InitFindings) {
  return {
    proposals: proposals.map((proposal) => ({
      service: serviceOf(proposal),
      file: fileOf(serviceDir, proposal),
      why: proposal.why,
      ...(proposal.bytes === undefined ? {} : { bytes: proposal.bytes }),
      text: renderService(proposal),
    })),
    already,
    notes,
  };
}

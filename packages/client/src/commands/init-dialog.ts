// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError } from '@local-backup/common/errors';
import { type Proposal, serviceOf } from '../init/proposal.ts';
import { describeProposal } from '../init/render-proposals.ts';
import { renderService } from '../init/render-service.ts';
import type { TerminalLines } from '../init/terminal-lines.ts';

const HELP = '  y: write it. n: leave it out. e: show the file. a: this and all others. q: none of the others.\n';

/**
 * Asks for each proposal whether it is to be written.
 * @throws BackupError `usage` where the terminal is closed meanwhile: half an answer is none
 */
export async function askForProposals(
  proposals: readonly Proposal[],
  terminal: TerminalLines,
  print: (text: string) => void,
): Promise<readonly Proposal[]> {
  const chosen: Proposal[] = [];
  if (proposals.length > 0) print(HELP);
  for (const [index, proposal] of proposals.entries()) {
    const answer = await askFor(proposal, `${index + 1}/${proposals.length}`, { terminal, print });
    if (answer === 'a') return [...chosen, ...proposals.slice(index)];
    if (answer === 'q') return chosen;
    if (answer === 'y') chosen.push(proposal);
  }
  return chosen;
}

async function askFor(
  proposal: Proposal,
  position: string,
  { terminal, print }: { readonly terminal: TerminalLines; readonly print: (text: string) => void },
): Promise<'y' | 'n' | 'a' | 'q'> {
  print(`${position} ${serviceOf(proposal)}: ${describeProposal(proposal)}\n`);
  for (;;) {
    const answer = await terminal.ask('  Save it? [Y/n/e/a/q] ');
    if (answer === undefined) throw new BackupError('usage', 'The terminal was closed: nothing was written.');
    if (/^(?:y(?:es)?)?$/i.test(answer)) return 'y';
    if (/^no?$/i.test(answer)) return 'n';
    if (/^[aq]$/i.test(answer)) return answer.toLowerCase() as 'a' | 'q';
    print(/^e$/i.test(answer) ? renderService(proposal).replace(/^(?=.)/gm, '    ') : HELP);
  }
}

/** Whether the timer is to be enabled; a closed terminal is no answer. */
export async function askForTimer(terminal: TerminalLines): Promise<boolean> {
  const answer = await terminal.ask('Save all services every night from now on (local-backup.timer)? [y/N] ');
  return /^y(es)?$/i.test(answer ?? '');
}

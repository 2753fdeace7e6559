// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError } from '@local-backup/common/errors';
import type { Menus, Questions } from '@local-backup/common/questions/questions';
import { type Proposal, serviceOf } from '../init/proposal.ts';
import { describeProposal } from '../init/render-proposals.ts';
import { renderService } from '../init/render-service.ts';

type Print = (text: string) => void;

/**
 * Asks which of the proposals are to be written.
 * @throws BackupError `usage` where the terminal is closed meanwhile: half an answer is none
 */
export async function askForProposals(
  proposals: readonly Proposal[],
  questions: Questions,
  print: Print,
): Promise<readonly Proposal[]> {
  if (proposals.length === 0) return [];
  const { menus } = questions;
  return menus === undefined ? askForEach(proposals, questions, print) : chooseFrom(proposals, menus, print);
}

const WHICH = 'Which of these should be saved? Space: leave out or take, a: all or none, Enter: go on';

/** All in one list, and nothing is written before that was said once more. */
async function chooseFrom(proposals: readonly Proposal[], menus: Menus, print: Print): Promise<readonly Proposal[]> {
  const choices = proposals.map((proposal) => ({
    value: serviceOf(proposal),
    label: `${serviceOf(proposal)}: ${describeProposal(proposal)}`,
  }));
  for (;;) {
    const services = whatWasSaid(await menus.many(WHICH, choices));
    const chosen = proposals.filter((proposal) => services.includes(serviceOf(proposal)));
    const decision = await decideOn(chosen, menus, print);
    if (decision === 'write') return chosen;
    if (decision === 'none') return [];
  }
}

async function decideOn(chosen: readonly Proposal[], menus: Menus, print: Print): Promise<'write' | 'again' | 'none'> {
  const files = chosen.length === 1 ? 'one service.yaml' : `${chosen.length} files service.yaml`;
  const write = { value: 'write', label: 'Write them' } as const;
  const show = { value: 'show', label: 'Show them first' } as const;
  const again = { value: 'again', label: 'Choose again' } as const;
  const none = { value: 'none', label: 'Write none of them' } as const;
  const choices = chosen.length === 0 ? [none, again] : [write, show, again, none];
  for (;;) {
    const decision = whatWasSaid(await menus.one(chosen.length === 0 ? 'None is chosen.' : `Write ${files}?`, choices));
    if (decision !== 'show') return decision;
    for (const proposal of chosen) print(`\n--- ${serviceOf(proposal)}\n${renderService(proposal)}`);
  }
}

function whatWasSaid<Answer>(answer: Answer | undefined): Answer {
  if (answer === undefined) throw new BackupError('usage', 'The terminal was closed: nothing was written.');
  return answer;
}

const HELP = '  y: write it. n: leave it out. e: show the file. a: this and all others. q: none of the others.\n';

/** One after the other, for a terminal that shows lines. */
async function askForEach(
  proposals: readonly Proposal[],
  questions: Questions,
  print: Print,
): Promise<readonly Proposal[]> {
  const chosen: Proposal[] = [];
  print(HELP);
  for (const [index, proposal] of proposals.entries()) {
    print(`${index + 1}/${proposals.length} ${serviceOf(proposal)}: ${describeProposal(proposal)}\n`);
    const answer = await askFor(proposal, questions, print);
    if (answer === 'a') return [...chosen, ...proposals.slice(index)];
    if (answer === 'q') return chosen;
    if (answer === 'y') chosen.push(proposal);
  }
  return chosen;
}

async function askFor(proposal: Proposal, questions: Questions, print: Print): Promise<'y' | 'n' | 'a' | 'q'> {
  for (;;) {
    const answer = whatWasSaid(await questions.text('  Save it? [Y/n/e/a/q]'));
    if (/^(?:y(?:es)?)?$/i.test(answer)) return 'y';
    if (/^no?$/i.test(answer)) return 'n';
    if (/^[aq]$/i.test(answer)) return answer.toLowerCase() as 'a' | 'q';
    print(/^e$/i.test(answer) ? renderService(proposal).replace(/^(?=.)/gm, '    ') : HELP);
  }
}

/** Whether the timer is to be enabled; a closed terminal is no answer. */
export async function askForTimer(questions: Questions): Promise<boolean> {
  return questions.confirm('Save all services every night from now on (local-backup.timer)?');
}

// SPDX-License-Identifier: AGPL-3.0-or-later
import { showControls } from '@local-backup/common/byte-path';
import { yamlText } from '@local-backup/common/config/yaml-text';
import { type Proposal, type ProposedTask, serviceOf } from './proposal.ts';

/** Width of a line of prose, without its indentation; that of the samples. */
const PROSE_WIDTH = 96;

/** The text of the service.yaml that is proposed. Pure. */
export function renderService(proposal: Proposal): string {
  const { name, why, saves, decide, tasks } = proposal;
  const head = [
    ...prose(`${serviceOf(proposal)}: ${why}.`),
    ...prose(saves),
    ...(decide.length === 0 ? [] : ['#', ...decide.flatMap(prose)]),
    '#',
    '# Proposed by `backup-client init`. All settings: `man service.yaml`.',
  ];
  return [...head, yamlText({ service: { name } }), ...tasks.map(taskText)].join('\n');
}

function taskText({ key, options, hints = [] }: ProposedTask): string {
  const isEmpty = Object.keys(options).length === 0;
  const text = isEmpty ? `${key}: {}\n` : yamlText({ [key]: options });
  // `  #key: value`: without the `#`, it is a setting of this task.
  return `${text}${hints.map((hint) => `  #${showControls(hint)}\n`).join('')}`;
}

/** A name in it that holds a line break must not begin a line. */
function prose(text: string): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of showControls(text).split(' ')) {
    if (line !== '' && line.length + word.length >= PROSE_WIDTH) {
      lines.push(`# ${line}`);
      line = '';
    }
    line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, `# ${line}`];
}

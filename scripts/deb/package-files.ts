// SPDX-License-Identifier: AGPL-3.0-or-later

import { createProgram as createClient } from '../../packages/client/src/cli/program.ts';
import { clientDocuments } from '../../packages/client/src/config-documents.ts';
import { plugins } from '../../packages/client/src/plugins/index.ts';
import type { ConfigDocument } from '../../packages/common/src/config/document.ts';
import { renderSample } from '../../packages/common/src/config/sample.ts';
import { createProgram as createServer } from '../../packages/server/src/cli/program.ts';
import { serverDocuments } from '../../packages/server/src/config/config-documents.ts';
import { completions } from './completions.ts';
import { commandPages, configPage } from './manual-pages.ts';
import { factsOf } from './program-tree.ts';

/** What the packages set up, where the samples name something else. */
const PACKAGED: Readonly<Record<string, readonly (readonly [string, string])[]>> = {
  'client_config.yml': [
    ['base_backup_dir: /var/spool/backup', 'base_backup_dir: /var/spool/backup/spool'],
    ['backup_user: backup', 'backup_user: _local-backup'],
    ['backup_group: backup', 'backup_group: _local-backup'],
  ],
};

/** Name and content of everything in the packages that is made from the programs and their schemas. */
export function packageFiles(edition: {
  readonly version: string;
  readonly date: string;
}): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  for (const [name, command] of [
    ['backup-client', createClient()],
    ['backup-server', createServer(() => undefined)],
  ] as const) {
    const facts = factsOf(command);
    for (const [page, text] of commandPages(name, facts, edition)) files.set(`man/${page}`, text);
    for (const [file, text] of completions(name, facts)) files.set(`completions/${file}`, text);
  }
  const documents = new Map([...clientDocuments(plugins), ...serverDocuments].map((each) => [each.name, each]));
  for (const document of documents.values()) {
    const [page, text] = configPage(document, edition);
    files.set(`man/${page}`, text);
    if (document.name !== 'service.yaml') files.set(`etc/${document.name}`, packagedConfig(document));
  }
  return files;
}

function packagedConfig(document: ConfigDocument): string {
  let text = renderSample(document);
  for (const [from, to] of PACKAGED[document.name] ?? []) {
    if (!text.includes(`${from}\n`)) throw new Error(`The sample of ${document.name} has no line "${from}" any more.`);
    text = text.replace(`${from}\n`, `${to}\n`);
  }
  return text;
}

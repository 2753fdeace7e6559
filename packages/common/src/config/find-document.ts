// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError } from '../errors.ts';
import type { ConfigDocument } from './document.ts';
import { didYouMean } from './suggest.ts';

/**
 * The document that somebody asked for by name, the first where no name was given.
 * @throws BackupError `usage` naming what there is
 */
export function findDocument(documents: readonly ConfigDocument[], name: string | undefined): ConfigDocument {
  const found = name === undefined ? documents[0] : documents.find((document) => document.name === name);
  if (found !== undefined) return found;
  const names = documents.map((document) => document.name);
  const hint = didYouMean(name ?? '', names);
  throw new BackupError('usage', `There is no sample of \`${name}\`.${hint} There are: ${names.join(', ')}`);
}

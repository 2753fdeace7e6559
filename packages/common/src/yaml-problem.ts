// SPDX-License-Identifier: AGPL-3.0-or-later
import { parseAllDocuments } from 'yaml';

/**
 * What is wrong with a text that should be YAML, one document or several, in one line; undefined: nothing. Keys that come
 * twice are let pass: to look for them takes time with the square of their number.
 */
export function yamlProblem(text: string): string | undefined {
  const documents = parseAllDocuments(text, { logLevel: 'silent', prettyErrors: false, uniqueKeys: false });
  const errors = 'empty' in documents ? documents.errors : documents.flatMap((document) => document.errors);
  return errors[0]?.message.split('\n', 1)[0];
}

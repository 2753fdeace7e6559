// SPDX-License-Identifier: AGPL-3.0-or-later
import { clientDocuments } from '../../packages/client/src/config-documents.ts';
import { plugins } from '../../packages/client/src/plugins/index.ts';
import { type ConfigDocument, jsonSchemaOf } from '../../packages/common/src/config/document.ts';
import { renderReference } from '../../packages/common/src/config/reference.ts';
import { renderSample } from '../../packages/common/src/config/sample.ts';
import { serverDocuments } from '../../packages/server/src/config/config-documents.ts';

/** Name and content of everything that is generated from the schemas; names are relative to the repository. */
export function generatedFiles(): ReadonlyMap<string, string> {
  const documents = new Map(
    [...clientDocuments(plugins), ...serverDocuments].map((document) => [document.name, document]),
  );
  return new Map([...documents.values()].flatMap(filesOf));
}

function filesOf(document: ConfigDocument): (readonly [string, string])[] {
  const stem = document.name.replace(/\.ya?ml$/, '');
  const schema = [`docs/schema/${stem}.json`, `${JSON.stringify(jsonSchemaOf(document), undefined, 2)}\n`] as const;
  return [
    [`docs/reference/${stem}.md`, renderReference(document)],
    [`docs/samples/${document.name}`, renderSample(document)],
    // Editors know no schema for shell files.
    ...(document.syntax === 'yaml' ? [schema] : []),
  ];
}

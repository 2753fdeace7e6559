// SPDX-License-Identifier: AGPL-3.0-or-later
import { findDocument } from '@local-backup/common/config/find-document';
import { renderSample } from '@local-backup/common/config/sample';
import { renderEffective } from '@local-backup/common/config/show';
import type { ClientConfig } from '../config.ts';
import { clientDocuments } from '../config-documents.ts';
import { plugins } from '../plugins/index.ts';

/**
 * `backup-client config sample [FILE]`
 * @param name `client_config.yml` (the default), `service.yaml` or `common_config`
 * @throws BackupError `usage` for any other name
 */
export function configSample(name: string | undefined, print: (text: string) => void): void {
  print(renderSample(findDocument(clientDocuments(plugins), name)));
}

/** `backup-client config show`: what counts after all files and defaults have been merged. */
export function configShow(config: ClientConfig, print: (text: string) => void): void {
  print(renderEffective(config));
}

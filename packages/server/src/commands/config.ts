// SPDX-License-Identifier: AGPL-3.0-or-later
import { findDocument } from '@local-backup/common/config/find-document';
import { renderSample } from '@local-backup/common/config/sample';
import { renderEffective } from '@local-backup/common/config/show';
import { createScrubber } from '@local-backup/common/redact';
import type { ServerConfig } from '../config/config.ts';
import { serverDocuments } from '../config/config-documents.ts';
import { secretsIn } from '../config/repository-location.ts';
import { repositoriesOf } from './host-repositories.ts';

/**
 * `backup-server config sample [FILE]`
 * @param name `server_config.yml` (the default) or `common_config`
 * @throws BackupError `usage` for any other name
 */
export function configSample(name: string | undefined, print: (text: string) => void): void {
  print(renderSample(findDocument(serverDocuments, name)));
}

/** `backup-server config show`: what counts after all files and defaults have been merged. */
export function configShow(config: ServerConfig, print: (text: string) => void): void {
  const scrubber = createScrubber();
  const locations = config.hosts.flatMap((host) => repositoriesOf(host, config).map(({ location }) => location));
  for (const secret of locations.flatMap(secretsIn)) scrubber.add(secret);
  print(scrubber.scrub(renderEffective(config)));
}

// SPDX-License-Identifier: AGPL-3.0-or-later
import { commonConfigDocument } from '@local-backup/common/config/common-document';
import type { ConfigDocument } from '@local-backup/common/config/document';
import { CLIENT_CONFIG_FILE } from './config.ts';
import { clientConfigSchema } from './config-schema.ts';
import type { Plugin } from './plugin.ts';
import { serviceSchema } from './service.ts';

/** The configuration files of the client, for documentation and samples. */
export function clientDocuments(plugins: readonly Plugin[]): readonly ConfigDocument[] {
  return [
    {
      name: 'client_config.yml',
      location: CLIENT_CONFIG_FILE,
      intro: 'Settings of backup-client. The file must belong to root with mode 0600 or 0400.',
      syntax: 'yaml',
      schema: clientConfigSchema,
      active: ['admin_email', 'keep_days'],
    },
    {
      name: 'service.yaml',
      location: '/etc/backup/<type>/<name>/service.yaml',
      intro:
        'One service: what is saved and restored as one. Every key but `service` is a task. The file must belong to ' +
        'root with mode 0600 or 0400.',
      syntax: 'yaml',
      schema: serviceSchema(plugins),
      active: ['files'],
    },
    commonConfigDocument,
  ];
}

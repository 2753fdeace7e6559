// SPDX-License-Identifier: AGPL-3.0-or-later
import { commonConfigDocument } from '@local-backup/common/config/common-document';
import type { ConfigDocument } from '@local-backup/common/config/document';
import { SERVER_CONFIG_FILE } from './config.ts';
import { serverConfigSchema } from './config-schema.ts';

/** The configuration files of the server, for documentation and samples. */
export const serverDocuments: readonly ConfigDocument[] = [
  {
    name: 'server_config.yml',
    location: SERVER_CONFIG_FILE,
    intro:
      'Settings of backup-server and the machines that it backs up. The file must belong to root with mode 0600 or ' +
      '0400, and so must the key and password files that it names.',
    syntax: 'yaml',
    schema: serverConfigSchema,
    active: ['global.admin_email', 'restic.password_file', 'hosts.ssh_key_file'],
  },
  commonConfigDocument,
];

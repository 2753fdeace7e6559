// SPDX-License-Identifier: AGPL-3.0-or-later
import { COMMON_CONFIG_FILE, commonConfigSchema } from './common-config.ts';
import type { ConfigDocument } from './document.ts';

/** common_config for documentation and sample. */
export const commonConfigDocument: ConfigDocument = {
  name: 'common_config',
  location: COMMON_CONFIG_FILE,
  intro:
    'Defaults for this machine, shared with the original shell scripts; the YAML files win. The file may be missing. ' +
    'It must belong to root with mode 0600 or 0400. It is read, never executed: lines of the form KEY="value" with ' +
    `quotes, comments, \`export\`, \`$X\` and \`\${X:-default}\`; anything else is refused.`,
  syntax: 'shell',
  schema: commonConfigSchema,
  active: ['DEFAULT_ADMIN_EMAIL', 'DEFAULT_KEEP_DAYS'],
};

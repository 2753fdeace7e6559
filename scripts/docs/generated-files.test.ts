// SPDX-License-Identifier: AGPL-3.0-or-later
import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { parseClientConfig } from '../../packages/client/src/config.ts';
import { plugins } from '../../packages/client/src/plugins/index.ts';
import { parseService } from '../../packages/client/src/service.ts';
import { parseCommonConfig } from '../../packages/common/src/config/common-config.ts';
import { parseServerConfig } from '../../packages/server/src/config/config.ts';
import { generatedFiles } from './generated-files.ts';

const files = generatedFiles();
const common = parseCommonConfig('', 'common_config', {});
const facts = { hostname: 'machine', cores: 2, verbose: false };

function sample(name: string): string {
  const text = files.get(`docs/samples/${name}`);
  expect(text).toBeDefined();
  return text ?? '';
}

/** Takes the `#` from settings that are commented out, in all sections but those that are commented out as a whole. */
function withAllSettings(text: string): string {
  return text.replace(/^( *)#(?=[a-z_]+: \S)/gm, '$1');
}

it.each([...files])('%s is up to date (npm run docs)', async (name, text) => {
  const present = await readFile(new URL(`../../${name}`, import.meta.url), 'utf8').catch(() => 'missing');
  expect(present).toBe(text);
});

it('the samples are right as they are', () => {
  expect(parseClientConfig(sample('client_config.yml'), 'client_config.yml', common, facts).warnings).toEqual([]);
  expect(parseServerConfig(sample('server_config.yml'), 'server_config.yml', common, facts).rejectedHosts).toEqual([]);
  expect(parseService(sample('service.yaml'), '/etc/backup/a/b/service.yaml', plugins).warnings).toEqual([]);
  expect(parseCommonConfig(sample('common_config'), 'common_config', {}).warnings).toEqual([]);
});

const ALTERNATIVES = /^ *(?:restic_)?(?:password_command|password_credential|environment_credential):.*$/gm;

it('the samples are right with every setting that is commented out', () => {
  const client = withAllSettings(sample('client_config.yml'));
  expect(parseClientConfig(client, 'client_config.yml', common, facts)).toMatchObject({ hostname: 'web1.example.org' });
  // Only one of several may be there.
  const server = withAllSettings(sample('server_config.yml')).replace(ALTERNATIVES, '');
  expect(parseServerConfig(server, 'server_config.yml', common, facts)).toMatchObject({
    hostname: 'backup.example.org',
    hosts: [{ adminEmail: 'web-admin@example.org' }],
    rejectedHosts: [],
  });
  const settings = sample('common_config').replace(/^#(?=[A-Z_]+=)/gm, '');
  expect(parseCommonConfig(settings, 'common_config', {})).toMatchObject({ minFreeSpaceMb: 500, warnings: [] });
});

it('every key has a description', () => {
  for (const [name, text] of files) {
    if (name.endsWith('.md')) expect(text).not.toMatch(/^\| `.*\| *\|$/m);
  }
});

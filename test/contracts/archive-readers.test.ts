// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import * as npmTar from 'tar';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { plugins } from '../../packages/client/src/plugins/index.ts';
import { createClientLab } from '../helpers/client-lab.ts';

let lab: ReturnType<typeof createClientLab>;
let archive: string;

/** Several gzip members: 3 MB do not fit into one block of 1 MiB. */
beforeAll(async () => {
  lab = createClientLab();
  mkdirSync(lab.at('data'));
  writeFileSync(lab.at('data', 'large'), Buffer.alloc(3_000_000, 'not to be compressed away: 0123456789 '));
  writeFileSync(lab.at('data', 'caf\u00e9'), 'small\n');
  lab.addService('web/app', `service: {name: app}\nfiles: {paths: [${lab.at('data')}]}\n`);
  await lab.run(plugins);
  archive = join(lab.spool, lab.published()[0] ?? '');
});

afterAll(() => lab.remove());

const member = (name: string) => `web/app/data${lab.at('data')}/${name}`;

describe('what others make of an archive', () => {
  it('gzip finds it whole', () => {
    expect(execFileSync('gzip', ['-t', archive], { encoding: 'utf8' })).toBe('');
  });

  it('GNU tar lists and extracts it', () => {
    const names = execFileSync('tar', ['-tzf', archive, '--quoting-style=literal'], { encoding: 'utf8' }).split('\n');
    expect(names).toContain(member('caf\u00e9'));
    expect(execFileSync('tar', ['-xzOf', archive, member('large')], { maxBuffer: 4_000_000 })).toHaveLength(3_000_000);
  });

  it('zlib inflates all members of the stream', () => {
    expect(gunzipSync(readFileSync(archive)).length).toBeGreaterThan(3_000_000);
  });

  it('npm tar lists it', async () => {
    const names: string[] = [];
    await npmTar.list({ file: archive, onReadEntry: (entry) => names.push(entry.path) });
    expect(names).toContain(member('caf\u00e9'));
    expect(names).toHaveLength(lab.manifestOf(lab.published()[0] ?? '').totals.entries);
  });
});

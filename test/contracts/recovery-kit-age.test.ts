// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { identitiesIn, seal, unseal } from '../../packages/server/src/recovery-kit/age-file.ts';
import { bundle } from '../helpers/bundle.ts';

const PASSPHRASE = 'correct horse battery';
/** More than one of the pieces of 64 KiB that age encrypts one by one. */
const CONTENT = Buffer.alloc(200_000, 'content ');

let directory: string;
const at = (name: string) => join(directory, name);
const keys = () => identitiesIn(readFileSync(at('key'), 'utf8'), at('key'));
const recipient = () => execFileSync('age-keygen', ['-y', at('key')], { encoding: 'utf8' }).trim();

/** Starts the real age with a terminal, where it asks for the passphrase. */
function ageOnTerminal(command: string, typed: string): void {
  execFileSync('script', ['--quiet', '--return', '--command', `age ${command}`, '/dev/null'], { input: typed });
}

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'age-'));
  execFileSync('age-keygen', ['-o', at('key')], { stdio: 'pipe' });
});

afterAll(() => rmSync(directory, { recursive: true, force: true }));

describe('files that this program encrypts', () => {
  it('are opened by the program age with the passphrase', async () => {
    writeFileSync(at('ours'), await seal(CONTENT, { passphrase: PASSPHRASE }));
    ageOnTerminal(`-d -o ${at('theirs')} ${at('ours')}`, `${PASSPHRASE}\n`);
    expect(readFileSync(at('theirs')).equals(CONTENT)).toBe(true);
  });

  it('and with a secret key where they are for its recipient', async () => {
    const sealed = await seal(CONTENT, { recipients: [recipient()] });
    const opened = execFileSync('age', ['-d', '-i', at('key')], { input: sealed });
    expect(opened.equals(CONTENT)).toBe(true);
    expect(Buffer.from(await unseal(sealed, { identities: keys() }, 'kit')).equals(CONTENT)).toBe(true);
  });

  it('a recipient that is none is refused', async () => {
    const typo = recipient().replace(/.$/, (last) => (last === 'q' ? 'p' : 'q'));
    for (const wrong of ['', 'age1', 'ssh-ed25519 AAAA', typo]) {
      await expect(seal(CONTENT, { recipients: [wrong] })).rejects.toMatchObject({ code: 'usage' });
    }
  });
});

describe('opening', () => {
  it('a file of the program age', async () => {
    const sealed = execFileSync('age', ['-r', recipient()], { input: CONTENT });
    expect(Buffer.from(await unseal(sealed, { identities: keys() }, 'kit')).equals(CONTENT)).toBe(true);
  });

  it('a wrong key, a cut, a changed or no such file fails, and says what to look at', async () => {
    const sealed = await seal(CONTENT, { recipients: [recipient()] });
    const changed = Buffer.from(sealed);
    changed.writeUInt8(changed.readUInt8(100_000) ^ 1, 100_000);
    const other = execFileSync('age-keygen', { encoding: 'utf8', stdio: 'pipe' });
    const attempts: [Uint8Array, readonly string[]][] = [
      [sealed, identitiesIn(other, 'other')],
      [sealed.subarray(0, -1), keys()],
      [sealed.subarray(0, 100), keys()],
      [changed, keys()],
      [CONTENT, keys()],
      [Buffer.alloc(0), keys()],
    ];
    for (const [bytes, identities] of attempts) {
      await expect(unseal(bytes, { identities }, '/root/kit.age')).rejects.toMatchObject({
        code: 'failed',
        message: expect.stringMatching(/^\/root\/kit\.age cannot be opened: .* is the file whole\?$/),
      });
    }
    expect(() => identitiesIn('no key', '/root/key')).toThrow(/^\/root\/key holds no secret key of age/);
  });
});

/** Where every release of Node that the programs run on has something else: Web Crypto and its X25519. */
describe.each(['18', '20', '22'])('on Node %s', (release) => {
  const node = resolve(`test/node-versions/node_modules/node-linux-${process.arch}-${release}/bin/node`);

  it('files are encrypted and opened all the same', async () => {
    const source = `
      import { seal, unseal } from './packages/server/src/recovery-kit/age-file.ts';
      const [recipient, identity] = process.argv.slice(2);
      const sealed = await seal(Buffer.from('content'), { recipients: [recipient] });
      const opened = Buffer.from(await unseal(sealed, { identities: [identity] }, 'kit')).toString();
      const byPassphrase = await seal(Buffer.from('content'), { passphrase: '${PASSPHRASE}' });
      const again = Buffer.from(await unseal(byPassphrase, { passphrase: '${PASSPHRASE}' }, 'kit')).toString();
      if (opened !== 'content' || again !== 'content') throw new Error('not the same');
      process.stdout.write(sealed);`;
    await bundle(source, at(`seal-${release}.mjs`));
    const sealed = execFileSync(node, [at(`seal-${release}.mjs`), recipient(), ...keys()], { stdio: 'pipe' });
    expect(execFileSync('age', ['-d', '-i', at('key')], { input: sealed }).toString()).toBe('content');
  });
});

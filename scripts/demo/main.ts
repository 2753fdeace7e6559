// SPDX-License-Identifier: AGPL-3.0-or-later
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { appendFile, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { simpleParser } from 'mailparser';
import { type Sshd, startSshd } from '../../test/helpers/sshd.ts';
import { compareTrees } from './compare.ts';
import { CommandFailed, endRunning, heading, quote, say, show } from './narrator.ts';
import { createSampleApp } from './sample-app.ts';
import {
  directoriesToSave,
  HOST,
  type Sandbox,
  sandboxAt,
  writeClientConfig,
  writeMailDelivery,
  writeServerConfig,
} from './sandbox.ts';

const sandbox = sandboxAt(resolve('demo-run'));

async function main(): Promise<void> {
  if (process.getuid?.() !== 0) throw new Error('The demo saves files of root: run `sudo npm run demo`.');
  const directories = directoriesToSave(process.argv.slice(2), sandbox);
  say(`Local Backup System, the real thing on one machine. Everything happens in ${sandbox.root}.`);
  spawnSync(process.execPath, ['scripts/build.mjs'], { stdio: 'inherit' });

  heading('A machine to back up, and a backup server that may do nothing on it but SFTP');
  await createSampleApp(sandbox.app);
  await writeMailDelivery(sandbox);
  await writeClientConfig(sandbox, directories);
  const sshd = await startSshd({ forceInternalSftp: true, restrict: true });
  try {
    await story(sshd, directories);
  } finally {
    await endRunning();
    await sshd.stop();
  }
}

async function story(sshd: Sshd, directories: readonly string[]): Promise<void> {
  await writeServerConfig(sandbox, { port: sshd.port, key: sshd.clientKey, user: sshd.user });
  say(`   sshd on 127.0.0.1:${sshd.port} with a throw-away host key; configuration in client/etc and server/etc.`);
  await client('check');
  await server('init', HOST, '--accept-host-key', fingerprintOf(sshd));

  heading('The client makes one verified archive');
  await client('backup');
  heading('The server fetches it, unpacks it, stores it in restic');
  await server('backup');

  heading('One file changes, and everything runs again');
  await appendFile(join(sandbox.app, 'page-7.html'), `<p>Changed at ${new Date().toISOString()}</p>\n`);
  say(`   changed: ${join(sandbox.app, 'page-7.html')}`);
  await client('backup');
  await server('backup');
  say(
    '   Changed are that page, the dump (made anew each time) and what describes the archive (.backup/); the rest is not.',
  );
  heading('The mail that the admin gets');
  quote(await newestMail(sandbox));

  heading('Restore, and compare with the source');
  await rm(sandbox.restored, { recursive: true, force: true });
  await server('restore', HOST, '--to', sandbox.restored);
  await compareAll(directories);
  epilogue();
}

async function client(...args: string[]): Promise<void> {
  await run('client', ['-c', sandbox.clientConfig, ...args]);
}

async function server(...args: string[]): Promise<void> {
  await run('server', ['-c', sandbox.serverConfig, ...args]);
}

async function run(program: 'client' | 'server', args: readonly string[]): Promise<void> {
  const bundle = resolve(`packages/${program}/dist/backup-${program}.cjs`);
  const shown = args.map((arg) => arg.replace(`${sandbox.root}/`, 'demo-run/')).join(' ');
  await show(`backup-${program} ${shown}`, process.execPath, [bundle, ...args]);
}

/** What the admin reads on the client's console: `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub`. */
function fingerprintOf(sshd: Sshd): string {
  const { stdout } = spawnSync('ssh-keygen', ['-lf', join(sshd.directory, 'host_ed25519.pub')], { encoding: 'utf8' });
  return stdout.split(' ')[1] ?? '';
}

async function newestMail({ mail }: Sandbox): Promise<string> {
  const newest = readdirSync(mail)
    .filter((name) => name.endsWith('.eml'))
    .sort()
    .at(-1);
  if (newest === undefined) throw new Error(`There is no mail in ${mail}.`);
  say(`   ${join(mail, newest)}`);
  const { subject, text } = await simpleParser(readFileSync(join(mail, newest)));
  return `Subject: ${subject}\n\n${text}`;
}

async function compareAll(directories: readonly string[]): Promise<void> {
  const services = [
    { sources: directories, data: 'system/directories/data', ignore: [] },
    { sources: [sandbox.app], data: 'web/sample-app/data', ignore: [join(sandbox.app, 'app.db')] },
  ];
  const differences: string[] = [];
  for (const { sources, data, ignore } of services) {
    for (const source of sources) {
      const result = await compareTrees(source, join(sandbox.restored, data, source), ignore);
      say(`   ${source}: ${result.entries} entries, ${result.files} files, ${result.bytes} bytes compared`);
      differences.push(...result.differences);
    }
  }
  compareDump(differences);
  for (const difference of differences) say(`   DIFFERENT ${difference}`);
  if (differences.length > 0)
    throw new Error('The restored copy is not what was saved (did something change meanwhile?).');
  say('   Every byte, owner, mode, time and link is the same.');
}

/** The dump that was restored has to build the database that the application has. */
function compareDump(differences: string[]): void {
  const dump = join(sandbox.restored, 'web/sample-app/command/app.sql');
  const query = 'SELECT count(*), sum(id), max(seen) FROM visitors;';
  const sqlite = (args: string[], input: string) =>
    spawnSync('sqlite3', args, { input, encoding: 'utf8' }).stdout.trim();
  const was = sqlite([join(sandbox.app, 'app.db')], query);
  const is = sqlite([':memory:'], `${readFileSync(dump, 'utf8')}${query}`);
  say(`   sample database, from its dump: ${is} (rows | sum | newest), the application has ${was}`);
  if (was !== is || was === '') differences.push(`${dump}: builds ${is}, not ${was}`);
}

function epilogue(): void {
  heading('What to look at, and what to do next');
  say(`   demo-run/client/spool       the spool: what the server may see of a client
   demo-run/server/etc         the server's whole configuration
   demo-run/server/state       run records, the live tree
   demo-run/restored           what came back
   demo-run/mail               the mails, as .eml

   Run \`npm run demo\` again: it adds to the same history. Your own directories: \`npm run demo -- /home/me /srv\`.
   Then: docs/reference/ for every setting, \`backup-client --help\`, \`backup-server --help\`.
   Remove the demo: rm -rf demo-run`);
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    say('\nEnding ...');
    void endRunning();
    process.exitCode = signal === 'SIGINT' ? 130 : 143;
  });
}

main().catch((error: unknown) => {
  process.exitCode ||= 1;
  const known = error instanceof CommandFailed || error instanceof Error;
  say(`\nThe demo did not come to its end: ${known ? error.message : String(error)}`);
  say('Nothing outside of demo-run was changed. Start it again with `npm run demo`.');
});

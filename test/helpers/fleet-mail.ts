// SPDX-License-Identifier: AGPL-3.0-or-later
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import { type ParsedMail, simpleParser } from 'mailparser';
import type { Machine } from './fleet.ts';

/** Takes every mail that comes to port 25 of its machine, and puts it into a file of its own; whole, as it is renamed last. */
const SERVER = `
import { createWriteStream, renameSync } from 'node:fs';
import { SMTPServer } from 'smtp-server';
let mails = 0;
const onData = (stream, _session, done) => {
  const file = \`/var/mail/\${Date.now()}-\${String((mails += 1)).padStart(4, '0')}\`;
  stream.pipe(createWriteStream(\`\${file}.partial\`)).on('finish', () => done(renameSync(\`\${file}.partial\`, \`\${file}.eml\`)));
};
new SMTPServer({ authOptional: true, disabledCommands: ['STARTTLS'], onData }).listen(25, '127.0.0.1');
`;

const UNIT = `[Service]
ExecStart=/usr/bin/node /usr/local/lib/mail-server.cjs
[Install]
WantedBy=multi-user.target
`;

/** Sets up the mail server that docs/install.md takes for granted; it is there again after a boot. */
export function installMailServer(machine: Machine): void {
  const { outputFiles } = buildSync({
    stdin: { contents: SERVER, resolveDir: process.cwd() },
    bundle: true,
    platform: 'node',
    target: 'node18',
    write: false,
    logLevel: 'error',
  });
  machine.write('/usr/local/lib/mail-server.cjs', outputFiles[0]?.text ?? '');
  machine.write('/etc/systemd/system/mail-server.service', UNIT);
  machine.run('systemctl daemon-reload; systemctl enable --now mail-server.service');
  machine.run("for i in $(seq 600); do ss -Hltn 'sport = :25' | grep -q . && exit; sleep 0.1; done; exit 1");
}

/** The mails that have come since the last time, oldest first. */
export async function takeMails(machine: Machine): Promise<readonly Pick<ParsedMail, 'subject' | 'text'>[]> {
  const directory = machine.at('/var/mail');
  const mails: ParsedMail[] = [];
  for (const name of readdirSync(directory).sort()) {
    if (!name.endsWith('.eml')) continue;
    mails.push(await simpleParser(readFileSync(join(directory, name))));
    rmSync(join(directory, name));
  }
  return mails;
}

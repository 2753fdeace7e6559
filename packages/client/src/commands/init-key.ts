// SPDX-License-Identifier: AGPL-3.0-or-later
import { createToolbox } from '@local-backup/common/program';
import { resolveAccount } from '../account.ts';
import { PACKAGED_ACCOUNT } from '../init/new-config.ts';
import { addServerKey, keyLine, parsePublicKey } from '../init/server-key.ts';

interface KeyOptions {
  readonly serverKey: string;
  readonly serverAddress?: readonly string[];
  readonly dryRun?: boolean;
}

/** `--server-key`: lets the server fetch archives, and nothing else. @throws BackupError see `addServerKey` */
export async function putServerKey(options: KeyOptions, file: string, print: (text: string) => void): Promise<void> {
  const { serverKey, serverAddress = [], dryRun = false } = options;
  const { run } = createToolbox({ level: 'warn', json: false });
  const key = parsePublicKey(serverKey);
  const line = keyLine(key, serverAddress);
  const change = await addServerKey(file, { key, line }, { exec: run, isDryRun: dryRun });
  if (change === 'there already') print(`The key of the server is in ${file} already.\n`);
  else if (change === 'added') print(`${dryRun ? 'Would be added to' : 'Added to'} ${file}: ${line}\n`);
  else print(`The key is in ${file} with other options, which are not changed. This was asked for: ${line}\n`);
  if (serverAddress.length === 0) {
    print('It is accepted from any address: better say --server-address with the address of the server.\n');
  }
  const isKnown = await resolveAccount(PACKAGED_ACCOUNT, PACKAGED_ACCOUNT, run).then(
    () => true,
    () => false,
  );
  if (isKnown) return;
  print(`There is no account ${PACKAGED_ACCOUNT}, which the package makes: for another one, sshd reads other files.\n`);
}

// SPDX-License-Identifier: AGPL-3.0-or-later
import { lstat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname, resolve } from 'node:path';
import { HOSTNAME_PATTERN } from '@local-backup/common/archive-name';
import { loadCommonConfig } from '@local-backup/common/config/common-config';
import { findDocument } from '@local-backup/common/config/find-document';
import { parseConfig } from '@local-backup/common/config/parse';
import { renderSample } from '@local-backup/common/config/sample';
import { systemHostname } from '@local-backup/common/config/system-hostname';
import { type Tools, toolsOf } from '@local-backup/common/config/tools';
import { mailAddress } from '@local-backup/common/config/values';
import { BackupError } from '@local-backup/common/errors';
import type { Run } from '@local-backup/common/exec';
import { createToolbox } from '@local-backup/common/program';
import type { Questions } from '@local-backup/common/questions/questions';
import { resolveAccount } from '../account.ts';
import { clientDocuments } from '../config-documents.ts';
import { clientConfigSchema, DEFAULT_PLUGIN_DIR } from '../config-schema.ts';
import { newConfigText, PACKAGED_ACCOUNT } from '../init/new-config.ts';
import { makeDirectories, writeNewFile } from '../init/write-new-file.ts';
import type { Plugin } from '../plugin.ts';
import { plugins as builtIn } from '../plugins/index.ts';
import { commonConfigBeside, type GlobalOptions, openSession } from './session.ts';

/** What `init` stands on: the configuration, or what it is going to be. */
export interface InitGround {
  readonly configFile: string;
  /** False: client_config.yml is written first. */
  readonly hasConfig: boolean;
  /** Of common_config, where there is no client_config.yml. */
  readonly adminEmail: string | undefined;
  readonly serviceDir: string;
  readonly pluginDir: string;
  readonly tools: Tools;
  readonly exec: Run;
  readonly plugins: readonly Plugin[];
  readonly notes: readonly string[];
}

/** @throws BackupError `config` with all complaints about a configuration that is there */
export async function openGround(global: GlobalOptions): Promise<InitGround> {
  const configFile = resolve(global.config);
  if (await isThere(configFile)) {
    const { config, run, plugins } = await openSession(global);
    const { serviceDir, pluginDir, tools, adminEmail, warnings } = config;
    const notes = [...warnings, ...(/@example\.(?:org|com|net)$/.test(adminEmail) ? [exampleNote(configFile)] : [])];
    return { configFile, hasConfig: true, adminEmail, serviceDir, pluginDir, tools, exec: run, plugins, notes };
  }
  const common = await loadCommonConfig(commonConfigBeside(configFile), process.env);
  const { run } = createToolbox({ level: global.verbose ? 'debug' : 'warn', json: global.json ?? false });
  return {
    configFile,
    hasConfig: false,
    adminEmail: common.adminEmail,
    serviceDir: dirname(configFile),
    pluginDir: common.pluginDir ?? DEFAULT_PLUGIN_DIR,
    tools: toolsOf(common.commands),
    exec: run,
    plugins: builtIn,
    notes: [`${configFile} does not exist yet; it is written too.`, ...common.warnings],
  };
}

function exampleNote(file: string): string {
  return `admin_email in ${file} is that of the sample: nobody is told when a backup fails. Write your own.`;
}

async function isThere(file: string): Promise<boolean> {
  return lstat(file).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      // Whatever else is wrong with it is told by whoever reads it.
      return error.code !== 'ENOENT';
    },
  );
}

interface ConfigIo {
  /** `--admin-email` */
  readonly adminEmail: string | undefined;
  readonly questions: Questions | undefined;
  readonly print: (text: string) => void;
}

/**
 * Writes client_config.yml where there is none, with the account and the spool of the packages where they are installed.
 * @throws BackupError `usage` where nobody says who is to be told
 */
export async function writeConfig(ground: InitGround, { adminEmail, questions, print }: ConfigIo): Promise<void> {
  const { configFile, exec } = ground;
  if (ground.hasConfig) {
    if (adminEmail !== undefined && adminEmail !== ground.adminEmail) print(keptNote(configFile));
    return;
  }
  const address = checkedAddress(adminEmail ?? (await askForAddress(ground.adminEmail, questions)));
  const hasPackagedAccount = await resolveAccount(PACKAGED_ACCOUNT, PACKAGED_ACCOUNT, exec).then(
    () => true,
    () => false,
  );
  const sample = renderSample(findDocument(clientDocuments(builtIn), undefined));
  const usual = clientConfigSchema.shape.service_dir.parse(undefined);
  const text = newConfigText(sample, {
    adminEmail: address,
    hasPackagedAccount,
    serviceDir: ground.serviceDir === usual ? undefined : ground.serviceDir,
    hostname: (await systemHostname(exec)) === undefined ? usableHostname() : undefined,
  });
  // A text that is refused is not written.
  parseConfig(text, configFile, clientConfigSchema);
  await makeDirectories(dirname(configFile), []);
  if (!(await writeNewFile(configFile, text))) {
    throw new BackupError('failed', `${configFile} was made by somebody else meanwhile. Run the command again.`);
  }
  print(`Written: ${configFile}\n`);
}

function keptNote(file: string): string {
  return `${file} is there and is not changed: write admin_email into it yourself.\n`;
}

/** The server looks for archives of this name: whoever reads the file sees it. */
function usableHostname(): string | undefined {
  const name = hostname();
  return HOSTNAME_PATTERN.test(name) ? name : undefined;
}

async function askForAddress(usual: string | undefined, questions: Questions | undefined): Promise<string> {
  if (questions === undefined) {
    if (usual !== undefined) return usual;
    throw new BackupError('usage', 'Who is to be told when a backup fails? Say --admin-email ADDRESS.');
  }
  for (let question = WHO; ; question = `That is no mail address. ${WHO}`) {
    const answer = await questions.text(question, usual);
    if (answer === undefined) throw new BackupError('usage', 'The terminal was closed: nothing was written.');
    if (mailAddress.safeParse(answer).success) return answer;
  }
}

const WHO = 'Who gets mail when a backup fails?';

function checkedAddress(text: string): string {
  const { success } = mailAddress.safeParse(text);
  if (success) return text;
  throw new BackupError('usage', `"${text}" is no mail address. Nothing was written; run the command again.`);
}

// SPDX-License-Identifier: AGPL-3.0-or-later
import { existsSync } from 'node:fs';
import { BackupError } from '@local-backup/common/errors';
import { requireRoot } from '@local-backup/common/program';
import { openQuestions, type Questions } from '@local-backup/common/questions/questions';
import { abortOnSignals } from '@local-backup/common/signals';
import { readExisting } from '../init/existing-services.ts';
import { lookAround } from '../init/look-around.ts';
import type { Proposal } from '../init/proposal.ts';
import { type InitFindings, renderFindings, renderNextSteps } from '../init/render-proposals.ts';
import { chooseNamed, type ExistingService, settle, splitKnown } from '../init/select.ts';
import { SERVER_KEYS_FILE } from '../init/server-key.ts';
import { checkCommand } from './check.ts';
import { confirmOnTerminal } from './confirm.ts';
import { askForProposals, askForTimer } from './init-dialog.ts';
import { acceptableProposals, filesAsText, findingsAsJson, writeProposals } from './init-files.ts';
import { type InitGround, openGround, writeConfig } from './init-ground.ts';
import { putServerKey } from './init-key.ts';
import { enableTimer, timerState } from './init-timer.ts';
import type { GlobalOptions } from './session.ts';

export interface InitOptions {
  readonly service?: readonly string[];
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  readonly adminEmail?: string;
  readonly enableTimer?: boolean;
  readonly serverKey?: string;
  readonly serverAddress?: readonly string[];
}

/** Where things are; others in tests only. */
export interface InitPlaces {
  readonly root: string;
  readonly serverKeysFile: string;
  /** There while systemd runs. */
  readonly systemdDirectory: string;
}

const PLACES: InitPlaces = {
  root: '/',
  serverKeysFile: SERVER_KEYS_FILE,
  systemdDirectory: '/run/systemd/system',
};

/** What all steps of the command share. */
interface Command {
  readonly global: GlobalOptions;
  readonly options: InitOptions;
  readonly print: (text: string) => void;
  readonly places: InitPlaces;
  readonly signal: AbortSignal;
}

interface Host extends InitFindings {
  readonly ground: InitGround;
  readonly existing: readonly ExistingService[];
}

/**
 * `backup-client init`: looks at the host and writes a service.yaml for what should be saved. Nothing is written before
 * all questions are answered, and nothing is overwritten.
 * @throws BackupError `usage`; `failed` where a file could not be written; `config` where `check` finds something
 */
export async function initCommand(
  global: GlobalOptions,
  options: InitOptions,
  print: (text: string) => void,
  places: InitPlaces = PLACES,
): Promise<void> {
  requireRoot('backup-client');
  requireUsage(global, options);
  const watch = abortOnSignals();
  try {
    const command = { global, options, print, places, signal: watch.signal };
    if (options.serverKey !== undefined) {
      await putServerKey({ ...options, serverKey: options.serverKey }, places.serverKeysFile, print);
      if (!options.yes) return;
    }
    await setUp(command);
  } finally {
    watch.dispose();
  }
}

/** @throws BackupError `usage` for options that do not go together, or where nobody can be asked */
function requireUsage({ json }: GlobalOptions, options: InitOptions): void {
  const { yes, dryRun, serverKey, serverAddress, service, adminEmail, enableTimer } = options;
  const bad = (message: string) => new BackupError('usage', message);
  if (serverAddress !== undefined && serverKey === undefined) throw bad('--server-address goes with --server-key.');
  if (yes && dryRun) throw bad('Give either --yes or --dry-run.');
  const isKeyAlone = serverKey !== undefined && !yes;
  if (isKeyAlone && [service, adminEmail, enableTimer].some((option) => option !== undefined)) {
    throw bad(
      'With --server-key only the key is put in, unless --yes asks for all the rest: give that, or no other option.',
    );
  }
  if (service?.includes('')) throw bad('--service names nothing. Is a variable of the shell not set?');
  if (yes || dryRun || json || serverKey !== undefined || confirmOnTerminal.isPossible()) return;
  throw bad('There is no terminal to ask on: look at the proposals with --dry-run, then say --yes.');
}

async function setUp(command: Command): Promise<void> {
  const { global, options, print } = command;
  const host = await lookAtHost(command);
  if (options.dryRun || (global.json && !options.yes)) return show(host, command);
  // Machines get a line of JSON for what was written and one for what `check` says.
  const say = global.json ? () => undefined : print;
  const questions = options.yes ? undefined : openQuestions(command.signal);
  say(renderFindings(host));
  const chosen = await choose(host, questions, command);
  // Before anything is written: it may be missing.
  await writeConfig(host.ground, { adminEmail: options.adminEmail, questions, print: say });
  const written = await writeProposals(host.ground.serviceDir, settle(chosen, host.existing));
  const failures = written.flatMap(({ failure }) => failure ?? []);
  if (global.json) print(`${JSON.stringify({ written })}\n`);
  say(
    written
      .map(({ file, failure }) => (failure === undefined ? `Written: ${file}\n` : `NOT written: ${failure}\n`))
      .join(''),
  );
  await finish({ ...command, say }, questions);
  if (failures.length > 0) throw new BackupError('failed', failures.join('\n'));
}

async function lookAtHost({ global, options, places, signal }: Command): Promise<Host> {
  const ground = await openGround(global);
  const { exec, tools, pluginDir, serviceDir } = ground;
  const [found, { services, unread }] = await Promise.all([
    lookAround({ exec, tools, signal, root: places.root, pluginDir }),
    readExisting(serviceDir),
  ]);
  const { fresh, already } = splitKnown(found.proposals, services);
  const { accepted, refused } = acceptableProposals(serviceDir, fresh, ground.plugins);
  const { chosen, unknown } = chooseNamed(accepted, options.service ?? []);
  if (unknown.length > 0) {
    throw new BackupError('usage', `--service: nothing of that name is proposed: ${unknown.join(', ')}.`);
  }
  const notes = [...ground.notes, ...found.notes, ...unread, ...refused];
  return { ground, existing: services, proposals: chosen, already, notes };
}

function show({ ground, existing, ...findings }: Host, { global, print }: Command): void {
  const settled = { ...findings, proposals: settle(findings.proposals, existing) };
  const texts = global.json
    ? [`${JSON.stringify(findingsAsJson(ground.serviceDir, settled))}\n`]
    : [renderFindings(settled), filesAsText(ground.serviceDir, settled.proposals), NOTHING_WRITTEN];
  for (const text of texts) print(text);
}

const NOTHING_WRITTEN =
  'Nothing was written. `backup-client init` asks for each on a terminal; with --yes all are written.\n';

async function choose(
  { proposals }: Host,
  questions: Questions | undefined,
  { print }: Command,
): Promise<readonly Proposal[]> {
  return questions === undefined ? proposals : askForProposals(proposals, questions, print);
}

/** Looks at all that is configured now, and says what is left to do. @throws BackupError what `check` throws */
async function finish(
  { global, options, print, say, places, signal }: Command & { readonly say: (text: string) => void },
  questions: Questions | undefined,
): Promise<void> {
  const problem = await checkCommand(global, print, signal).then(
    () => undefined,
    (error: unknown) => ({ error }),
  );
  signal.throwIfAborted();
  const state = await timerState(places.systemdDirectory);
  const wants =
    options.enableTimer ?? (state === 'disabled' && questions !== undefined && (await askForTimer(questions)));
  const isEnabled = wants ? await enableTimer(state, say) : state === 'enabled';
  const hasKey = options.serverKey !== undefined || existsSync(places.serverKeysFile);
  say(renderNextSteps({ asksForTimer: !isEnabled && state !== 'no systemd', hasKey }));
  if (problem !== undefined) throw problem.error;
}

// SPDX-License-Identifier: AGPL-3.0-or-later
import type { ServerConfig } from '../config.ts';
import { createEmailOutput, type SendMail } from './email/index.ts';
import type { Output } from './output.ts';

/** What outputs are made from. */
export interface OutputParts {
  readonly config: Pick<ServerConfig, 'emailSubjectPrefix' | 'adminEmail' | 'hosts'>;
  /** Where the log of the run is to be found, for people. */
  readonly log: string;
  readonly recordDirectory: string;
  readonly send: SendMail;
}

/** The list of all outputs: a folder beside this file and a line here. */
export function createOutputs(parts: OutputParts): readonly Output[] {
  return [createEmailOutput(emailFacts(parts), parts.send)];
}

function emailFacts({ config, log, recordDirectory }: OutputParts) {
  const hostEmails = new Map(config.hosts.map((host) => [host.hostname, host.adminEmail]));
  return { prefix: config.emailSubjectPrefix, adminEmail: config.adminEmail, hostEmails, log, recordDirectory };
}

// SPDX-License-Identifier: AGPL-3.0-or-later
import type { RunRecord } from '@local-backup/common/run-record';
import type { ServerConfig } from '../config/config.ts';
import { createEmailOutput, type SendMail } from './email/index.ts';
import type { EmailFacts } from './email/mail-text.ts';
import type { Output } from './output.ts';

/** What outputs are made from. */
export interface OutputParts {
  readonly config: Pick<ServerConfig, 'emailSubjectPrefix' | 'adminEmail' | 'hosts' | 'reports' | 'drill'>;
  /** Where the log of the run is to be found, for people. */
  readonly log: string;
  readonly recordDirectory: string;
  /** All records of runs that can be read. */
  readonly history: readonly RunRecord[];
  readonly send: SendMail;
}

/** The list of all outputs: a folder beside this file and a line here. */
export function createOutputs(parts: OutputParts): readonly Output[] {
  return [createEmailOutput(emailFacts(parts), parts.send)];
}

function emailFacts({ config, log, recordDirectory, history }: OutputParts): EmailFacts {
  const hostEmails = new Map(config.hosts.map((host) => [host.hostname, host.adminEmail]));
  const { emailSubjectPrefix: prefix, adminEmail, hosts, reports, drill } = config;
  const drillMaxAgeMs = drill.maxAgeMs;
  return { prefix, adminEmail, hostEmails, log, recordDirectory, reports, history, hosts, drillMaxAgeMs };
}

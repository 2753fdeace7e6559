// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError } from '@local-backup/common/errors';
import type { SshTarget } from '../../config/host.ts';
import type { LoginFailure } from './handshake.ts';
import type { PrivateKey } from './private-key.ts';

/** Turns what went wrong before or while logging in into what to do about it. */
export function loginError(target: SshTarget, key: PrivateKey | undefined, failure: LoginFailure): BackupError {
  const host = `${target.address}:${target.port}`;
  const { error, phase } = failure;
  const explain = { connect: connectProblem, handshake: handshakeProblem, login: loginProblem }[phase];
  return new BackupError('failed', explain(host, target, error, key), { cause: error });
}

type Explain = (host: string, target: SshTarget, error: Error, key: PrivateKey | undefined) => string;

const connectProblem: Explain = (host, target, error) => {
  const code = String((error as NodeJS.ErrnoException).code);
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
    return `Cannot resolve the address ${target.address} (${code}): check its spelling, /etc/hosts and DNS.`;
  }
  if (code === 'ECONNREFUSED') {
    return `${host} refuses connections: is sshd running there, on this port, and does its firewall let this server in?`;
  }
  if (isTimeout(error)) {
    return `${host} did not answer within ${target.connectTimeoutMs / 1000} s: the host is down, or a firewall drops the packets.`;
  }
  if (code === 'EHOSTUNREACH' || code === 'ENETUNREACH') return `There is no route to ${host} (${code}).`;
  return `Cannot connect to ${host}: ${error.message}`;
};

const handshakeProblem: Explain = (host, target, error) => {
  if (isTimeout(error)) {
    return `${host} accepted the connection but did not finish the SSH handshake within ${target.connectTimeoutMs / 1000} s.`;
  }
  if (error.message.includes('no matching')) {
    return `${host} and this program share no algorithm (${error.message}): update its sshd or its Ciphers, MACs and KexAlgorithms.`;
  }
  return `${host} broke off the SSH handshake (${error.message}): is this an SSH server, and has it banned this address (MaxStartups, fail2ban)?`;
};

const loginProblem: Explain = (host, target, error, key) => {
  if (isTimeout(error)) {
    return `${host} did not let ${target.user} in within ${target.connectTimeoutMs / 1000} s: name lookups or PAM there may hang.`;
  }
  if ((error as { level?: string }).level === 'agent' && key === undefined) {
    return `Cannot use the SSH agent at SSH_AUTH_SOCK to log in to ${host}: ${error.message}`;
  }
  const keys = [
    ...(key === undefined ? [] : [`the key ${key.fingerprint} (${key.file})`]),
    ...(target.useAgent ? ['the keys of the SSH agent'] : []),
  ].join(' and ');
  const advice =
    key === undefined
      ? 'Load the right key into the agent, or add its public half to that account.'
      : `Add this line to the authorized_keys of ${target.user} there: restrict ${key.publicLine}`;
  return `${host} refused ${keys} for user ${target.user} (${error.message}). ${advice}`;
};

function isTimeout(error: Error): boolean {
  return (
    (error as { level?: string }).level === 'client-timeout' || (error as NodeJS.ErrnoException).code === 'ETIMEDOUT'
  );
}

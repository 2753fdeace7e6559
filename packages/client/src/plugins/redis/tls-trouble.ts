// SPDX-License-Identifier: AGPL-3.0-or-later
import { showControls } from '@local-backup/common/byte-path';
import * as z from 'zod';

/** Why a connection failed, and what to do about it. */
export interface Trouble {
  readonly reason: string;
  readonly advice: string;
}

const ADDRESS = 'Is it running, and is this its address?';
const NO_TLS = 'Correct `port`, or leave out `tls`.';
const CLIENT_CERTIFICATE = 'Look at `tls.cert_file` and `tls.key_file`, and at the log of the server.';

/** Codes of OpenSSL's verification (X509_V_ERR_*) and of Node.js, by what they mean to an admin. */
const KNOWN: readonly (readonly [RegExp, (caFile: string) => Trouble])[] = [
  [
    /^CERT_HAS_EXPIRED$/,
    () => ({
      reason: 'its certificate has expired',
      advice: 'Give the server a new one, or set the clock of this host.',
    }),
  ],
  [
    /^CERT_NOT_YET_VALID$/,
    () => ({
      reason: 'its certificate is not valid yet',
      advice: 'Compare the clocks of this host and of the server.',
    }),
  ],
  [
    /^(?:SELF_SIGNED_CERT_IN_CHAIN|DEPTH_ZERO_SELF_SIGNED_CERT|UNABLE_TO_\w+|CERT_UNTRUSTED|CERT_SIGNATURE_FAILURE)$/,
    (caFile) => ({
      reason: `its certificate comes from no authority in ${caFile}`,
      advice:
        'Name the file with the certificate of the authority that signed it in `tls.ca_file`, if this is the right server.',
    }),
  ],
  [
    /^ERR_SSL_(?:WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|UNSUPPORTED_PROTOCOL)$/,
    () => ({ reason: 'it does not speak TLS, or none that is safe, at this port', advice: NO_TLS }),
  ],
  [
    /^ERR_SSL_.*ALERT/,
    () => ({ reason: 'it refuses the certificate of this client, or that there is none', advice: CLIENT_CERTIFICATE }),
  ],
];

/** @param caFile undefined without TLS */
export function reasonOf(cause: Error | string, caFile: string | undefined): Trouble {
  const message = typeof cause === 'string' ? cause : cause.message;
  if (caFile === undefined) return { reason: message, advice: `${ADDRESS}${ENDED.test(message) ? WANTS_TLS : ''}` };
  const code = codeOf(cause);
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    const reason = `its certificate is not for this name, but for: ${namesOf(cause)}`;
    return { reason, advice: 'Correct `host`, or name what the certificate is for in `tls.server_name`.' };
  }
  const known = KNOWN.find(([pattern]) => pattern.test(code));
  return known?.[1](caFile) ?? { reason: `${message}${code === '' ? '' : ` (${code})`}`, advice: ADDRESS };
}

/** A server that waits for TLS ends a connection without. */
const ENDED = /closed|ECONNRESET/;
const WANTS_TLS = ' Where its port is one for TLS, set `tls`.';

/** Names out of the certificate of whoever answers: `DNS:redis.example.org, IP Address:192.0.2.1`. */
function namesOf(cause: unknown): string {
  const names = alternativeNames.safeParse(cause);
  return names.success ? showControls(names.data.cert.subjectaltname.slice(0, LONGEST_NAMES)) : 'none';
}

const LONGEST_NAMES = 500;
const alternativeNames = z.looseObject({ cert: z.looseObject({ subjectaltname: z.string() }) });

function codeOf(cause: Error | string): string {
  return typeof cause !== 'string' && 'code' in cause ? String(cause.code) : '';
}

// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { reasonOf } from './tls-trouble.ts';

const error = (code: string, more: object = {}) => Object.assign(new Error('said'), { code, ...more });

describe('reasonOf', () => {
  it.each([
    ['CERT_NOT_YET_VALID', /not valid yet/],
    ['CERT_HAS_EXPIRED', /has expired/],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', /no authority in \/ca/],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', /no authority in \/ca/],
    ['ERR_SSL_WRONG_VERSION_NUMBER', /does not speak TLS/],
    ['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', /certificate of this client/],
    ['ECONNREFUSED', /^said \(ECONNREFUSED\)$/],
  ])('%s', (code, reason) => {
    expect(reasonOf(error(code), '/ca').reason).toMatch(reason);
  });

  it('shows names of a hostile certificate on one line, and not all of a million', () => {
    const names = `DNS:a\n\u001b[2J${'x'.repeat(1_000_000)}`;
    const { reason } = reasonOf(error('ERR_TLS_CERT_ALTNAME_INVALID', { cert: { subjectaltname: names } }), '/ca');
    expect(reason).toMatch(/^its certificate is not for this name, but for: DNS:a/);
    for (const control of ['\n', '\u001b']) expect(reason).not.toContain(control);
    expect(reason.length).toBeLessThan(700);
    expect(reasonOf(error('ERR_TLS_CERT_ALTNAME_INVALID'), '/ca').reason).toMatch(/none$/);
  });

  it('thinks of TLS only where a connection without it was ended', () => {
    expect(reasonOf('it closed the connection', undefined).advice).toContain('set `tls`');
    expect(reasonOf(new Error('connect ECONNREFUSED'), undefined).advice).not.toContain('tls');
  });
});

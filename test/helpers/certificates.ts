// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Files of a certificate, in PEM. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

const CURVE = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

/** A certificate authority of a test's own, in its directory. */
export class CertificateAuthority {
  readonly #directory: string;
  readonly #own: Certificate;

  constructor(directory: string, name: string) {
    this.#directory = directory;
    this.#own = { cert: join(directory, `${name}.crt`), key: join(directory, `${name}.key`) };
    openssl('req', '-x509', ...CURVE, '-days', '2', '-subj', `/CN=${name}`, ...outputs(this.#own));
  }

  /** Certificate of the authority itself. */
  get file(): string {
    return this.#own.cert;
  }

  /**
   * @param altName what the certificate is for: `IP:127.0.0.1`, `DNS:example.org`
   * @param days that it is valid for; negative: it has expired
   */
  issue(name: string, altName: string, days = 2): Certificate {
    const at = (end: string) => join(this.#directory, `${name}.${end}`);
    const made = { cert: at('crt'), key: at('key') };
    openssl('req', ...CURVE, '-subj', `/CN=${name}`, '-keyout', made.key, '-out', at('csr'));
    writeFileSync(at('ext'), `subjectAltName=${altName}\n`);
    const signer = ['-CA', this.#own.cert, '-CAkey', this.#own.key, '-CAcreateserial'];
    openssl(
      'x509',
      '-req',
      '-in',
      at('csr'),
      ...signer,
      '-days',
      String(days),
      '-extfile',
      at('ext'),
      '-out',
      made.cert,
    );
    return made;
  }
}

function outputs({ cert, key }: Certificate): string[] {
  return ['-keyout', key, '-out', cert];
}

function openssl(...args: readonly string[]): void {
  execFileSync('openssl', args, { stdio: 'pipe' });
}

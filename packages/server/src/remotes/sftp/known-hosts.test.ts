// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, test } from 'vitest';
import { fingerprint, judgeHostKey } from './host-key.ts';
import { formatKnownHost, lookupHost, parseKnownHosts } from './known-hosts.ts';

/** Keys, hashed names and fingerprint as ssh-keygen of OpenSSH 9.2 wrote them. */
const A = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHUpibSacNDwscxk/LohDTUwB/oL0kpyh2FrU2QIraM3';
const B = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAII/vp+4Ag/pztzs/iRO4k0tqszMkc5IYZERZV21nk0K1';
const ECDSA =
  'ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBAoRu9lBukR0VWqdRIeD27p4nzUvdBfBlu4AAFUUEo5DEa4cejD+0J9kJWQfyAzhgbFM8+r0R3paWQdG7wwlqlY=';
const HASHED_WEB1 = '|1|Wr3Yf6tR8J7X8RvzW59INmUiZ6Q=|9Q86dUY85O3fpwEGKXOwvSNOM08=';
const HASHED_WEB1_2222 = '|1|bcYHc2BqsrmsJe+iIr0Elczv+iQ=|zj7AthD0GNqiYSdTSz4sUyLvmio=';

const parse = (...lines: string[]) => parseKnownHosts(lines.join('\n'), 'known_hosts');
const blob = (key: string) => Buffer.from(key.split(' ')[1] ?? '', 'base64');

/** Keys pinned for a host, as they were written. */
function pinned(lines: string[], address: string, port = 22): string[] {
  const { pinned } = lookupHost([parse(...lines)], address, port);
  return pinned.map((key) => `${key.type} ${key.blob.toString('base64')}`);
}

describe('parseKnownHosts', () => {
  test('reads keys with comments, tabs, CRLF and empty lines between', () => {
    const { entries, ignored } = parse('# comment', '', `web1\t${A}  root@web1 and more\r`, '   ', `  web2 ${ECDSA}`);
    expect(entries.map((entry) => [entry.names, entry.key.type])).toEqual([
      ['web1', 'ssh-ed25519'],
      ['web2', 'ecdsa-sha2-nistp256'],
    ]);
    expect(ignored).toEqual([]);
  });

  test.each([
    [`@cert-authority *.example.org ${A}`, /certificates are not supported/],
    [`@new web1 ${A}`, /unknown marker @new/],
    ['web1 1024 35 1234567890', /SSH protocol 1/],
    ['web1 ssh-ed25519', /fewer than three fields/],
    ['web1 ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIHUpibSacNDwscxk', /not of type ssh-rsa/],
    ['web1 ssh-ed25519 ????', /damaged/],
    [`|1|onlysalt ${A}`, /hashed name/],
    [`|2|c2FsdA==|aGFzaA== ${A}`, /hashed name/],
  ])('ignores %s and says why', (line, reason) => {
    const { entries, ignored } = parse('# first', line);
    expect(entries).toEqual([]);
    expect(ignored).toEqual([{ file: 'known_hosts', line: 2, reason: expect.stringMatching(reason) }]);
  });
});

describe('lookupHost', () => {
  test('finds all keys of a host, in any of the names of a line and over several files', () => {
    const files = [parse(`web1,10.0.0.1 ${A}`, `web2 ${B}`), parse(`10.0.0.1 ${ECDSA}`)];
    const types = lookupHost(files, '10.0.0.1', 22).pinned.map((key) => key.type);
    expect(types).toEqual(['ssh-ed25519', 'ecdsa-sha2-nistp256']);
  });

  test('does not care for upper case', () => {
    expect(pinned([`Web1.Example.org ${A}`], 'wEB1.example.ORG')).toEqual([A]);
  });

  test('knows wildcards, and a negated pattern excludes whatever else matches', () => {
    const lines = [`*.example.org,!db?.example.org ${A}`];
    expect(pinned(lines, 'web1.example.org')).toEqual([A]);
    expect(pinned(lines, 'db1.example.org')).toEqual([]);
    expect(pinned(lines, 'db10.example.org')).toEqual([A]);
    expect(pinned(lines, 'example.org')).toEqual([]);
  });

  test('takes every other character of a pattern as itself', () => {
    expect(pinned([`web.1 ${A}`], 'webx1')).toEqual([]);
    expect(pinned([`web[12] ${A}`], 'web1')).toEqual([]);
    expect(pinned([`web ${A}`], 'web1')).toEqual([]);
  });

  test('finds hashed names, with and without a port', () => {
    expect(pinned([`${HASHED_WEB1} ${A}`], 'WEB1')).toEqual([A]);
    expect(pinned([`${HASHED_WEB1} ${A}`], 'web2')).toEqual([]);
    expect(pinned([`${HASHED_WEB1_2222} ${A}`], 'web1', 2222)).toEqual([A]);
    expect(pinned([`${HASHED_WEB1_2222} ${A}`], 'web1')).toEqual([]);
  });

  test('prefers [host]:port, else takes the bare name, but never another port', () => {
    const lines = [`[web1]:2222 ${A}`, `web1 ${B}`, `[web2]:2222 ${A}`];
    expect(pinned(lines, 'web1', 2222)).toEqual([A]);
    expect(pinned(lines, 'web1', 2200)).toEqual([B]);
    expect(pinned(lines, 'web2', 2200)).toEqual([]);
    expect(pinned(lines, 'web2')).toEqual([]);
    expect(pinned([`[2001:db8::1]:2222 ${A}`], '2001:DB8::1', 2222)).toEqual([A]);
  });

  test('gathers revoked keys by the bare name and by the port', () => {
    const lines = parse(`@revoked * ${A}`, `@revoked [web1]:2222 ${B}`, `web1 ${ECDSA}`);
    const pins = lookupHost([lines], 'web1', 2222);
    expect(pins.revoked).toHaveLength(2);
    expect(pins.pinned).toHaveLength(1);
  });
});

test('formatKnownHost writes what lookupHost finds', () => {
  const key = { type: 'ssh-ed25519', blob: blob(A) };
  expect(formatKnownHost('Web1', 22, key)).toBe(`web1 ${A}\n`);
  expect(formatKnownHost('web1', 2222, key)).toBe(`[web1]:2222 ${A}\n`);
});

test('fingerprint equals the one of ssh-keygen -l', () => {
  expect(fingerprint(blob(A))).toBe('SHA256:hJvRM+v0J5Z93C3m8UxSWxT/y1QA5XEanTxmzpN2UIg');
});

test.each([
  [[`web1 ${A}`], 'trusted'],
  [[`web1 ${B}`, `web1 ${A}`], 'trusted'],
  [[`web1 ${B}`], 'changed'],
  [[`web2 ${A}`], 'unknown'],
  [[`web1 ${A}`, `@revoked * ${A}`], 'revoked'],
  [[`@revoked web1 ${A}`], 'revoked'],
  [[`@revoked web1 ${B}`], 'unknown'],
])('judgeHostKey: known are %j, so the key is %s', (lines, verdict) => {
  expect(judgeHostKey(lookupHost([parse(...lines)], 'web1', 22), blob(A))).toBe(verdict);
});

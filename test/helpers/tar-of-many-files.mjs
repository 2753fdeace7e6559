// SPDX-License-Identifier: AGPL-3.0-or-later
// Stands in for GNU tar: writes an archive of COUNT small files, as tar would, without needing them on disk.
import { readFileSync, writeSync } from 'node:fs';

const COUNT = Number(process.argv[2]);
const PREFIX = process.argv.find((argument) => argument.startsWith('--transform='))?.split(',')[2];
const BODY = 300;

readFileSync(0);
const pax = Buffer.concat([header('x', './PaxHeaders/x', 30), block('30 mtime=1795260380.289028392\n')]);
const body = block('x'.repeat(BODY));
let batch = [];
for (let index = 0; index < COUNT; index += 1) {
  batch.push(pax, header('0', `${PREFIX}/some-rather-usual-file-name-${index}.txt`, BODY), body);
  if (batch.length >= 1500) flush();
}
batch.push(Buffer.alloc(10240));
flush();

function flush() {
  const bytes = Buffer.concat(batch);
  for (let at = 0; at < bytes.length; ) at += writeSync(1, bytes, at);
  batch = [];
}

function block(text) {
  const bytes = Buffer.alloc(512);
  bytes.write(text);
  return bytes;
}

function header(type, name, size) {
  const bytes = block(name);
  bytes.write(
    ['0000644', '0000000', '0000000', size.toString(8).padStart(11, '0'), '14524770400', `        ${type}`].join('\0'),
    100,
    'latin1',
  );
  bytes.write('ustar\x0000', 257, 'latin1');
  let sum = 0;
  for (const byte of bytes) sum += byte;
  bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return bytes;
}

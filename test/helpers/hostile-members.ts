// SPDX-License-Identifier: AGPL-3.0-or-later
import { type Member, member } from './tar-builder.ts';

/** An archive that a machine which was taken over could send; nothing of it may be unpacked. */
export interface HostileArchive {
  readonly name: string;
  /** `format`: the strict reader refuses it. `judge`: well-formed, the server's judge must. `size`: only bounds help. */
  readonly refusedBy: 'format' | 'judge' | 'size';
  /** The whole `.tar.gz`, made when it is needed. */
  readonly bytes: () => Buffer;
}

/** What is needed around the hostile member so that nothing else is wrong with the archive. */
export const PARENTS: readonly Member[] = [
  { name: 'web/', type: '5' },
  { name: 'web/shop/', type: '5' },
];

export const FILE: Member = { name: 'web/shop/readme', body: 'all is well\n' };
/** A small file. */
export const evil = (name: string): Member => ({ name, body: 'evil\n' });

/** Members one after the other, without the end of an archive. */
export function members(...list: readonly Member[]): Buffer {
  return Buffer.concat(list.map(member));
}

/** A file whose name needs a PAX header. */
export function longName(name: string): Member {
  return { ...evil(name), pax: { path: name } };
}

/** A PAX header with this body, right or wrong. */
export function rawPax(body: string): Buffer {
  return member({ name: './PaxHeaders/x', type: 'x', body });
}

/** A sparse file (GNU.sparse 1.0) with this map and two blocks of data. */
export function sparse(map: string, realSize: number): Member {
  const block = Buffer.alloc(512);
  block.write(map, 'latin1');
  return {
    name: 'web/shop/GNUSparseFile.1/s',
    body: map.startsWith('1\n') ? block : Buffer.concat([block, Buffer.alloc(1024, 'x')]),
    pax: {
      'GNU.sparse.major': '1',
      'GNU.sparse.minor': '0',
      'GNU.sparse.name': 'web/shop/s',
      'GNU.sparse.realsize': String(realSize),
    },
  };
}

// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, it } from 'vitest';
import { ACCOUNTS_END, parseAccounts } from './accounts.ts';

const whole = (...lines: string[]) => `-- Accounts and their grants\n\n${lines.join('\n')}\n\n${ACCOUNTS_END}\n`;
const HEAD = '-- Account ["a`b","%",false]';

it('reads back the accounts that were saved', () => {
  const statements = ['CREATE USER IF NOT EXISTS `a``b`@`%`;', 'GRANT USAGE ON *.* TO `a``b`@`%`;'];
  expect(
    parseAccounts(whole(HEAD, ...statements, '', '-- Account ["r","",true]', 'CREATE ROLE IF NOT EXISTS `r`;')),
  ).toEqual([
    { user: 'a`b', host: '%', isRole: false, statements },
    { user: 'r', host: '', isRole: true, statements: ['CREATE ROLE IF NOT EXISTS `r`;'] },
  ]);
  expect(parseAccounts(`-- Accounts and their grants\n\n\n${ACCOUNTS_END}\n`)).toEqual([]);
});

it.each([
  ['is cut off', `${HEAD}\nGRANT USAGE ON *.* TO \`a\`\`b\`@\`%\`;\n`],
  ['speaks of somebody else', whole(HEAD, 'GRANT ALL ON *.* TO `other`@`%`;')],
  ['holds another statement', whole(HEAD, 'DROP USER `a``b`@`%`;')],
  ['begins without an account', whole('GRANT ALL ON *.* TO `a``b`@`%`;')],
  ['has a head of another form', whole('-- Account {}')],
])('refuses a file that %s', (_, text) => {
  expect(() => parseAccounts(text)).toThrow('the copy is damaged');
});

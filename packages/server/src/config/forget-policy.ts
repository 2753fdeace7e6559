// SPDX-License-Identifier: AGPL-3.0-or-later
import { wordsOf } from '@local-backup/common/config/values';

const COUNTED = /^--keep-(?:last|hourly|daily|weekly|monthly|yearly)$/;
const WITHIN = /^--keep-within(?:-(?:hourly|daily|weekly|monthly|yearly))?$/;

/**
 * The complaint about a policy for `restic forget`, or undefined where there is none. Only keep options with positive
 * values are allowed: restic 0.14 deletes every snapshot on `--keep-last -1` or on a mistyped `--keep-tag`.
 */
export function checkForgetPolicy(policy: string): string | undefined {
  const words = wordsOf(policy).flatMap(splitAtEquals);
  if (words.length === 0) return 'must hold at least one option such as `--keep-daily 7`: without any, nothing is kept';
  for (let index = 0; index < words.length; index += 2) {
    const complaint = checkOption(words[index] ?? '', words[index + 1] ?? '');
    if (complaint !== undefined) return complaint;
  }
  return undefined;
}

/** The policy as words of a command line, each value a word of its own. */
export function forgetPolicyWords(policy: string): string[] {
  return wordsOf(policy).flatMap(splitAtEquals);
}

function checkOption(option: string, value: string): string | undefined {
  if (COUNTED.test(option)) {
    return /^[1-9]\d{0,5}$/.test(value) ? undefined : `must have a whole number of at least 1 after \`${option}\``;
  }
  if (WITHIN.test(option)) {
    const valid = /^(?:\d+[ymdh])+$/.test(value) && /[1-9]/.test(value);
    return valid ? undefined : `must have a time such as \`1y6m\`, \`30d\` or \`12h\` after \`${option}\``;
  }
  return (
    'must consist of --keep-last, -hourly, -daily, -weekly, -monthly, -yearly, each with a number, and --keep-within, ' +
    `with a time; \`${option}\` is none of them`
  );
}

function splitAtEquals(word: string): string[] {
  const at = word.indexOf('=');
  return at === -1 ? [word] : [word.slice(0, at), word.slice(at + 1)];
}

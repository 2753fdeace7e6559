// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, test } from 'vitest';
import {
  good,
  hostileHost,
  mailsOf,
  PAST,
  runOf,
  started,
  unreachable,
} from '../../../../../test/helpers/run-records.ts';
import { htmlFault } from '../../../../../test/helpers/strict-html.ts';
import { markLate } from './late.ts';

describe('the HTML part', () => {
  const html = mailsOf(runOf([good, hostileHost, unreachable]), PAST).at(-1)?.html ?? '';

  test('is well-formed: every element is closed, every attribute quoted, every text escaped', () => {
    expect(htmlFault(html)).toBeUndefined();
  });

  test('has no script, no picture, and fetches nothing', () => {
    const names = new Set([...html.matchAll(/<([a-z0-9]+)/g)].map(([, name]) => name));
    const known = [
      'html',
      'head',
      'meta',
      'title',
      'body',
      'div',
      'h1',
      'h2',
      'p',
      'span',
      'pre',
      'hr',
      'table',
      'tr',
      'th',
      'td',
    ];
    expect([...names].filter((name) => !known.includes(name ?? ''))).toEqual([]);
    const attributes = new Set(
      [...html.matchAll(/<[^>]*>/g)].flatMap(([tag]) =>
        [...(tag ?? '').matchAll(/([a-z-]+)="/g)].map(([, name]) => name),
      ),
    );
    expect([...attributes].sort()).toEqual(['charset', 'colspan', 'content', 'lang', 'name', 'role', 'style']);
    expect(html.replaceAll(/&lt;.*?&gt;/gs, '')).not.toMatch(/url\(|https?:|javascript:/);
  });

  test('the mails about maintenance and drills have one too', () => {
    for (const run of PAST.history ?? []) {
      const page = mailsOf(run, PAST).at(-1)?.html ?? '';
      expect(htmlFault(page)).toBeUndefined();
      expect(page).toContain('</span>');
      expect(page).toContain('<h2');
    }
  });

  test('a late mail says so in both parts', () => {
    const [mail] = mailsOf(runOf([good]));
    const late = markLate({
      ...mail,
      to: '',
      subject: '',
      text: mail?.text ?? '',
      html: mail?.html,
      important: false,
      kind: 'summary',
      queued: started,
    });
    expect(late.text).toMatch(/^This mail is late: on 2026-11-21 04:00:00 UTC it could not be sent\.\n\nBackup Run/);
    expect(htmlFault(late.html ?? '')).toBeUndefined();
    expect(late.html).toMatch(/<body[^>]*><p><strong>This mail is late: /);
  });
});

// SPDX-License-Identifier: AGPL-3.0-or-later

/**
 * A path as the kernel knows it: any bytes. Held as a string with one character per byte (latin1), so that splitting,
 * comparing and sets work as on any string, while nothing is lost in names that are not UTF-8.
 * Never print one directly: use {@link displayPath}.
 */
export type BytePath = string & { readonly bytePath: unique symbol };

const decoder = new TextDecoder('utf-8', { fatal: true });

export function bytePathOf(bytes: Uint8Array): BytePath {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1') as BytePath;
}

/** A path that was written as text, in a configuration file for example. */
export function bytePathOfText(text: string): BytePath {
  return Buffer.from(text, 'utf8').toString('latin1') as BytePath;
}

/** What the functions of node:fs take. */
export function bytesOf(path: BytePath): Buffer {
  return Buffer.from(path, 'latin1');
}

/** The path as text where it is UTF-8, else undefined. */
export function textOf(path: BytePath): string | undefined {
  try {
    return decoder.decode(bytesOf(path));
  } catch {
    return undefined;
  }
}

/**
 * For people, logs and mails: UTF-8 where it is, everything else as `\xNN`, control characters as escapes, so that a
 * file name can neither fake a log line nor steer a terminal.
 */
export function displayPath(path: BytePath): string {
  const text = textOf(path);
  return text === undefined ? escapeControls(path).replace(/[\xa0-\xff]/g, escapeCharacter) : escapeControls(text);
}

/** Makes control characters, bidirectional marks and backslashes visible; what comes out stands for one text only. */
export function escapeControls(text: string): string {
  return showControls(text.replaceAll('\\', '\\\\'));
}

/** Makes control characters and bidirectional marks visible; does nothing to what has been made visible before. */
export function showControls(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return text.replace(/[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, (character) => {
    if (character === '\n') return '\\n';
    return character === '\t' ? '\\t' : escapeCharacter(character);
  });
}

function escapeCharacter(character: string): string {
  const code = character.charCodeAt(0);
  return code < 256 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
}

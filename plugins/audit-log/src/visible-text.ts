/** Characters that are invisible, reorder what follows, or end a line for some viewers. */
const UNSEEN =
  /[\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu
/** What a terminal obeys instead of showing it. */
const CONTROLS = /\p{Cc}/gu

/** JSON that shows every character: the same data, but no field can reorder or break the output of a terminal. */
export function visibleJson(value: unknown): string {
  return JSON.stringify(value).replace(UNSEEN, escapeUnits)
}

/**
 * Text for a terminal, on one line: what it would obey, hide or reorder is written as `\u` and four digits, and so is a
 * backslash, so that nothing pretends to be escaped.
 */
export function visibleText(text: string): string {
  return text.toWellFormed().replaceAll('\\', '\\u005c').replace(CONTROLS, escapeUnits).replace(UNSEEN, escapeUnits)
}

function escapeUnits(found: string): string {
  return found
    .split('')
    .map(unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .join('')
}

/** Deeper nesting than any claim set has; bounds every recursion over claims. */
const MOST_LEVELS = 32

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** A parsed JSON object whose members have not been looked at. */
export type JsonObject = Readonly<Record<string, unknown>>

/**
 * Parses JSON from outside, more strictly than `JSON.parse`: malformed UTF-8, a member name that appears twice in an
 * object, nesting over 32 levels and the name `__proto__` are refused. Two parsers that disagree on such a text see two
 * different values, and a copy of such an object can get another prototype.
 * @throws {SyntaxError} or {TypeError} saying nothing of the text
 * @see RFC 8259 §4, §8.1
 */
export function parseJson(input: Uint8Array | string): unknown {
  const text = typeof input === 'string' ? input : decoder.decode(input)
  const value = parsed(text)
  if (!isUnambiguous(text)) throw new SyntaxError('JSON that parsers read differently')
  return value
}

/**
 * {@link parseJson}, of one object.
 * @returns `null` when the input is not such an object
 * @see RFC 7515 §4 (duplicate header names), RFC 7519 §4 (duplicate claim names)
 */
export function parseJsonObject(input: Uint8Array | string): JsonObject | null {
  try {
    const value = parseJson(input)
    return isJsonObject(value) ? value : null
  } catch {
    return null
  }
}

/** Whether this is an object, neither `null` nor an array. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The member of this name that the object itself has; never something inherited such as `constructor`. */
export function ownMember(object: JsonObject, name: string): unknown {
  return Object.hasOwn(object, name) ? object[name] : undefined
}

/** Freezes a parsed JSON value with everything below it. */
export function freezeJson<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const child of Object.values(value)) freezeJson(child)
    Object.freeze(value)
  }
  return value
}

/** The parser's own message quotes the text. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new SyntaxError('not JSON')
  }
}

/** Walks a text that is known to be valid JSON: no name twice in one object, no prototype, no excessive depth. */
function isUnambiguous(text: string): boolean {
  const open: Array<Set<string>> = []
  let at = 0
  while (at < text.length) {
    const character = text[at]
    if (character === '{' || character === '[') {
      if (open.push(new Set()) > MOST_LEVELS) return false
    } else if (character === '}' || character === ']') {
      open.pop()
    } else if (character === '"') {
      const end = endOfString(text, at)
      if (isName(text, end)) {
        const name = memberName(text.slice(at, end))
        const names = open.at(-1)
        if (names === undefined || names.has(name) || name === '__proto__') return false
        names.add(name)
      }
      at = end - 1
    }
    at++
  }
  return true
}

/** The position after the closing quote of the string that begins at `start`. */
function endOfString(text: string, start: number): number {
  let at = start + 1
  while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1
  return at + 1
}

/** In valid JSON a string is a member name exactly when a colon follows. */
function isName(text: string, end: number): boolean {
  let at = end
  while (text[at] === ' ' || text[at] === '\t' || text[at] === '\n' || text[at] === '\r') at++
  return text[at] === ':'
}

/** Escapes are resolved first: `"\u0061ud"` and `"aud"` are the same name. */
function memberName(quoted: string): string {
  return quoted.includes('\\') ? String(JSON.parse(quoted)) : quoted.slice(1, -1)
}

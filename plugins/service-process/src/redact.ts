import { endOfRun, HIDDEN, mayNeedRedaction, redactText } from './redact-text.ts'
import { isPersonalLogName } from './logged-addresses.ts'
import { isSecretField, isSecretName } from '@sallyport/security-context/mechanics'

/** How many levels of JSON quoted in JSON are read. */
const DEEPEST_QUOTING = 4
const SCALAR = /[^,}\]\s]*/y
const SPACES = /\s*/y
const COLON = 58
/** From here on, characters that are no space; what is not ASCII is left to the expression. */
const FIRST_VISIBLE = 33
const LAST_VISIBLE = 126

/**
 * Hides secrets in one line of a JSON log: known fields at any depth, authorization values, JWTs, credentials and token
 * parameters in URLs; and user agents, forwarded addresses and names that somebody tried. It works on the finished
 * line, so that no message, error text or nested object bypasses it, and reads the line once from left to right, in
 * linear time.
 */
export function redactLine(line: string): string {
  return redactQuoted(line, 0)
}

/** The names in lines are few, and the same in each line; what comes after these is worked out each time. */
const MOST_KNOWN_NAMES = 1000
const LONGEST_KNOWN_NAME = 64
const knownNames = new Map<string, boolean>()

function isNameToHide(content: string): boolean {
  const known = knownNames.get(content)
  if (known !== undefined) return known
  const name = unquote(content) ?? content
  const isSecret = isSecretName(name) || isPersonalLogName(name)
  if (knownNames.size < MOST_KNOWN_NAMES && content.length <= LONGEST_KNOWN_NAME) knownNames.set(content, isSecret)
  return isSecret
}

/** Goes from one quoted string to the next: each is a name, whose value may be hidden, or a text. */
function redactQuoted(text: string, depth: number): string {
  const parts: string[] = []
  // Of a text in which no rule finds anything, no part is looked at again.
  const isHarmless = !mayNeedRedaction(text) && !text.includes('\\')
  let done = 0
  let at = text.indexOf('"')
  while (at !== -1) {
    const end = isHarmless ? text.indexOf('"', at + 1) : closingQuote(text, at + 1)
    if (end === -1) break
    const valueStart = startOfValue(text, end + 1)
    if (isHarmless && valueStart === -1) {
      at = text.indexOf('"', end + 1)
      continue
    }
    const content = text.slice(at + 1, end)
    let next = end + 1
    if (valueStart === -1) {
      const redacted = redactContent(content, depth)
      if (redacted !== content) {
        parts.push(text.slice(done, at + 1), redacted)
        done = end
      }
    } else if (isNameToHide(content)) {
      const valueEnd = endOfValue(text, valueStart)
      if (isHidden(unquote(content) ?? content, text.slice(valueStart, valueEnd))) {
        parts.push(text.slice(done, valueStart), `"${HIDDEN}"`)
        done = valueEnd
      }
      next = valueEnd
    }
    at = text.indexOf('"', next)
  }
  return parts.join('') + text.slice(done)
}

/** The content of a string between its quotes, as it is in the JSON. */
function redactContent(content: string, depth: number): string {
  const isQuoting = content.includes('\\"')
  if (!isQuoting && !mayNeedRedaction(content)) return content
  const text = unquote(content)
  if (text === null) return redactText(content)
  const inner = isQuoting && depth < DEEPEST_QUOTING ? redactQuoted(text, depth + 1) : text
  const redacted = redactText(inner)
  return redacted === text ? content : JSON.stringify(redacted).slice(1, -1)
}

/** Operators search for the `code` of an error; an authorization code is a secret of the same name. */
function isHidden(name: string, value: string): boolean {
  if (value === '' || value === 'null' || value === 'true' || value === 'false') return false
  if (isPersonalLogName(name)) return true
  if (/^[\d.-]+$/.test(value)) return isSecretField(name, Number(value))
  return isSecretField(name, value.startsWith('"') ? value.slice(1, -1) : value)
}

function closingQuote(text: string, from: number): number {
  for (let at = text.indexOf('"', from); at !== -1; at = text.indexOf('"', at + 1)) {
    let backslashes = 0
    while (at - backslashes > from && text.charAt(at - backslashes - 1) === '\\') backslashes++
    if (backslashes % 2 === 0) return at
  }
  return -1
}

/** Where the value begins when a colon follows; -1 when the string is not a name. */
function startOfValue(text: string, from: number): number {
  const colon = afterSpace(text, from)
  return text.charCodeAt(colon) === COLON ? afterSpace(text, colon + 1) : -1
}

function afterSpace(text: string, from: number): number {
  const code = text.charCodeAt(from)
  return code >= FIRST_VISIBLE && code <= LAST_VISIBLE ? from : endOfRun(SPACES, text, from)
}

/** The position after a string, a whole array or object, a number or a word. */
function endOfValue(text: string, start: number): number {
  const first = text.charAt(start)
  if (first === '"') return afterString(text, start)
  if (first !== '[' && first !== '{') return endOfRun(SCALAR, text, start)
  let depth = 0
  for (let at = start; at < text.length; at++) {
    const character = text.charAt(at)
    if (character === '"') at = afterString(text, at) - 1
    else if (character === '[' || character === '{') depth++
    else if ((character === ']' || character === '}') && --depth === 0) return at + 1
  }
  return text.length
}

function afterString(text: string, start: number): number {
  const end = closingQuote(text, start + 1)
  return end === -1 ? text.length : end + 1
}

/** The value of a string's content; `null` when it is not a JSON string. */
function unquote(content: string): string | null {
  if (!content.includes('\\')) return content
  try {
    const text: unknown = JSON.parse(`"${content}"`)
    return typeof text === 'string' ? text : null
  } catch {
    return null
  }
}

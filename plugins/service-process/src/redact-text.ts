import { isSecretParameter } from '@sallyport/security-context/mechanics'
import { isPersonalParameter } from './logged-addresses.ts'

/** The replacement of a secret. */
export const HIDDEN = '[redacted]'

/** Longest run without a space that is logged whole, and how much of a longer one is kept. */
const LONGEST_WORD = 2048
const SHORTENED = 512
/** Longest parameter name that is checked; each of its characters may be percent-encoded. */
const LONGEST_PARAMETER_NAME = 192
const SHORTEST_LOGGED_CREDENTIAL = 6

const NAME_ENDS = new Set('?&#;,=(){}<>"\'\\ \t\r\n')
const VALUE = /[^&\s"#\\]*/y
const SCHEME_NAME = /b(?:earer|asic)|dpop/i
const AUTHORIZATION = /\b(bearer|dpop|basic)([ \t]+)([\w\-.~+/]+=*)/gi
const DOTTED_RUN = /[\w.-]{11,}/g
const JWT_START = /(?:^|[.-])eyJ/g
/** Up to the last `@` before the path: a password may have one of its own. */
const URL_CREDENTIALS = /:\/\/[^/\s"]*@/g

/**
 * Hides secrets in a text: parameters with tokens, names or addresses in URLs and forms, authorization values, JWTs,
 * credentials in URLs. Shortens runs without a space. Each rule is one pass that never goes back, because a stranger
 * may have written the text.
 */
export function redactText(text: string): string {
  const redacted = hideSecrets(text)
  return redacted.length > LONGEST_WORD
    ? redacted
        .split(' ')
        .map(word => (word.length > LONGEST_WORD ? shorten(word) : word))
        .join(' ')
    : redacted
}

function hideSecrets(text: string): string {
  let redacted = text
  if (redacted.includes('=')) redacted = hideParameters(redacted)
  if (SCHEME_NAME.test(redacted)) redacted = redacted.replace(AUTHORIZATION, hideAuthorization)
  if (redacted.includes('eyJ')) redacted = redacted.replace(DOTTED_RUN, hideJwt)
  if (redacted.includes('://')) redacted = redacted.replace(URL_CREDENTIALS, `://${HIDDEN}@`)
  return redacted
}

/** Whether {@link redactText} can change the text: a cheap search for what its rules begin with. */
export function mayNeedRedaction(text: string): boolean {
  return (
    text.includes('=') ||
    text.includes('eyJ') ||
    text.includes('://') ||
    text.length > LONGEST_WORD ||
    SCHEME_NAME.test(text)
  )
}

/**
 * The beginning of a long text, and how many characters are missing. Secrets are hidden before that, because a cut
 * could remove their mark.
 */
export function boundText(text: string): string {
  return text.length > SHORTENED ? shorten(hideSecrets(text)) : text
}

function shorten(text: string): string {
  return text.length > SHORTENED ? `${text.slice(0, SHORTENED)}[${text.length - SHORTENED} more]` : text
}

/** `name=value`, the name read backwards from its `=`. */
function hideParameters(text: string): string {
  const parts: string[] = []
  let done = 0
  for (let at = text.indexOf('='); at !== -1; at = text.indexOf('=', at + 1)) {
    const valueStart = at + 1
    const nameStart = startOfName(text, at, done)
    if (nameStart === at || !isHiddenParameter(text.slice(nameStart, at))) continue
    const valueEnd = endOfRun(VALUE, text, valueStart)
    if (valueEnd === valueStart) continue
    parts.push(text.slice(done, valueStart), HIDDEN)
    done = valueEnd
    at = valueEnd - 1
  }
  return parts.join('') + text.slice(done)
}

const isHiddenParameter = (name: string): boolean => isSecretParameter(name) || isPersonalParameter(name)

function startOfName(text: string, end: number, floor: number): number {
  let start = end
  while (start > floor && end - start < LONGEST_PARAMETER_NAME && !NAME_ENDS.has(text.charAt(start - 1))) start--
  return start
}

/** Where a run of what a sticky expression matches ends, from `start` on. */
export function endOfRun(run: RegExp, text: string, start: number): number {
  run.lastIndex = start
  run.test(text)
  return run.lastIndex
}

/** A value that does not read like a word. */
function hideAuthorization(found: string, scheme: string, spaces: string, value: string): string {
  return value.length >= SHORTEST_LOGGED_CREDENTIAL && /[A-Z0-9=]/.test(value) ? `${scheme}${spaces}${HIDDEN}` : found
}

/** The rest of a run from the first JWT on; no part of a JWT is read twice. */
function hideJwt(run: string): string {
  JWT_START.lastIndex = 0
  for (let found = JWT_START.exec(run); found !== null; found = JWT_START.exec(run)) {
    const start = JWT_START.lastIndex - 3
    const dot = run.indexOf('.', start)
    if (dot === -1) return run
    if (dot - start >= 11) return run.slice(0, start) + HIDDEN
    JWT_START.lastIndex = dot
  }
  return run
}

import { chunkNames, joinCookie } from './cookie-chunks.ts'

/** The session cookies of a request as they were sent: each put together from its chunks, still sealed. */
export type SealedCookies =
  | { readonly kind: 'none' }
  /** Two cookies of one name: somebody else may have tossed one in. */
  | { readonly kind: 'duplicated' }
  /** The parts of a cookie do not make one. */
  | { readonly kind: 'invalid' }
  | { readonly kind: 'sealed'; readonly access: string | null; readonly refresh: string | null }

/**
 * Makes the function that cuts the session cookies out of a `Cookie` header: one pass, in which the name of every pair
 * is compared in place and only values of ours are copied. Nothing is unquoted or decoded: what we write needs neither.
 */
export function cutSessionCookies(
  accessName: string,
  refreshName: string
): (header: string | undefined) => SealedCookies {
  const names = [...chunkNames(accessName), ...chunkNames(refreshName)]
  const chunks = names.length / 2
  const common = commonStart(accessName, refreshName)

  return function cut(header = '') {
    const sent: Array<string | undefined> = []
    for (let start = 0; start <= header.length;) {
      const semicolon = header.indexOf(';', start)
      const end = semicolon === -1 ? header.length : semicolon
      const first = skipSpace(header, start, end)
      const isOurs = header.startsWith(common, first)
      const at = isOurs ? names.findIndex(name => isNameAt(header, name, first, end)) : -1
      if (at !== -1) {
        if (sent[at] !== undefined) return { kind: 'duplicated' }
        sent[at] = header.slice(header.indexOf('=', first) + 1, end).trim()
      }
      start = end + 1
    }
    if (sent.length === 0) return { kind: 'none' }
    const access = joinCookie(sent.slice(0, chunks))
    const refresh = joinCookie(sent.slice(chunks))
    return access === undefined || refresh === undefined ? { kind: 'invalid' } : { kind: 'sealed', access, refresh }
  }
}

function commonStart(one: string, other: string): string {
  let length = 0
  while (length < one.length && one[length] === other[length]) length++
  return one.slice(0, length)
}

/** Whether a pair begins with this name, which nothing but space parts from its `=`. */
function isNameAt(header: string, name: string, first: number, end: number): boolean {
  if (!header.startsWith(name, first)) return false
  const equals = skipSpace(header, first + name.length, end)
  return equals < end && header[equals] === '='
}

function skipSpace(header: string, start: number, end: number): number {
  let at = start
  while (at < end && isSpace(header.charCodeAt(at))) at++
  return at
}

/** What `trim` takes for space of the characters that a header can have. */
function isSpace(code: number): boolean {
  return code === 32 || (code >= 9 && code <= 13) || code === 0xa0
}

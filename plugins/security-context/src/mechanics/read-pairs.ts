/**
 * Reads `name=value,name=value`, values percent-encoded.
 * @returns `null` where that is not what it is
 * @see W3C Baggage §3.3.1
 */
export function readPairs(text: string | undefined): Readonly<Record<string, string>> | null {
  if (text === undefined) return {}
  const pairs: Record<string, string> = {}
  for (const entry of text.split(',')) {
    const at = entry.indexOf('=')
    const name = entry.slice(0, Math.max(at, 0)).trim()
    if (!/^[\w.!#$&*+-]+$/.test(name)) return null
    try {
      pairs[name] = decodeURIComponent(entry.slice(at + 1).trim())
    } catch {
      return null
    }
  }
  return pairs
}

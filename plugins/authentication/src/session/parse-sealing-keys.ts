import { AuthenticationOptionsError } from '../errors.ts'
import type { SealingKey } from './options.ts'

/**
 * Reads a key ring from a secret file: `id:key` separated by white space, newest first, each key 32 bytes as base64url.
 * @param text content of the file
 * @throws {AuthenticationOptionsError} `SALLYPORT_AUTHENTICATION_OPTIONS_INVALID`, naming the places of all mistakes and no
 * key
 */
export function parseSealingKeys(text: string): readonly SealingKey[] {
  const entries = text
    .split(/\s+/)
    .filter(entry => entry !== '')
    .map(parseEntry)
  const mistakes = entries.flatMap((entry, index) =>
    entry === null ? [`sealing key ${index + 1} is not id:key with 32 bytes as base64url`] : []
  )
  if (entries.length === 0) mistakes.push('there are no sealing keys')
  if (mistakes.length > 0) throw new AuthenticationOptionsError(mistakes.join('; '))
  return entries.filter(entry => entry !== null)
}

function parseEntry(entry: string): SealingKey | null {
  const [, id, encoded] = /^([\w-]{1,32}):([\w-]{43})=?$/.exec(entry) ?? []
  if (id === undefined || encoded === undefined) return null
  const key = Buffer.from(encoded, 'base64url')
  return key.length === 32 ? { id, key } : null
}

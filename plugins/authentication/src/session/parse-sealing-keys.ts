import { readKeyRing } from '@sallyport/security-context/mechanics'
import { AuthenticationOptionsError } from '../errors.ts'
import type { SealingKey } from './options.ts'

/**
 * Reads a key ring from a secret file: `id:key` separated by white space, newest first, each key 32 bytes as base64url.
 * @param text content of the file
 * @throws {AuthenticationOptionsError} `SALLYPORT_AUTHENTICATION_OPTIONS_INVALID`, naming the places of all
 * mistakes and no key
 */
export function parseSealingKeys(text: string): readonly SealingKey[] {
  const { keys, mistakes } = readKeyRing(text, 'sealing key')
  if (mistakes.length > 0) throw new AuthenticationOptionsError(mistakes.join('; '))
  return keys
}

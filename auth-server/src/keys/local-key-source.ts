import type { KeySource } from '@sallyport/security-context'
import type { SigningKeys } from './signing-keys.ts'

/** The server's own keys for its own token verification, without a request to itself. */
export function localKeySource (keys: SigningKeys): KeySource {
  return {
    find: async keyId => {
      const key = (await keys.published()).find(({ kid }) => kid === keyId)
      return key === undefined ? null : { keyId: key.kid, algorithm: key.algorithm, key: key.publicKey }
    },
    isPublished: keyId => keys.known().has(keyId),
    ready: async () => { await keys.published() },
    ageMs: keys.ageMs,
    close: async () => {}
  }
}

const KEY_ID = 'keyid='

/** A password hash as stored: the encoded hash, and which pepper it was made with; `null`: it does not say. */
export interface StoredHash {
  readonly encoded: string
  readonly pepperId: string | null
}

/**
 * The text to store: the PHC string of the hash, with the id of the pepper as its parameter `keyid`.
 * @see https://github.com/P-H-C/phc-string-format/blob/master/phc-sf-spec.md
 */
export function storedHashOf(encoded: string, pepperId: string | null): string {
  if (pepperId === null) return encoded
  const [start = '', algorithm = '', version = '', parameters = '', ...rest] = encoded.split('$')
  return [start, algorithm, version, `${parameters},${KEY_ID}${pepperId}`, ...rest].join('$')
}

/** Takes a stored text apart again: the library does not know the parameter. */
export function parseStoredHash(stored: string): StoredHash {
  const [start = '', algorithm = '', version = '', parameters = '', ...rest] = stored.split('$')
  const given = parameters.split(',')
  const keyId = given.find(parameter => parameter.startsWith(KEY_ID))
  if (keyId === undefined) return { encoded: stored, pepperId: null }
  const others = given.filter(parameter => parameter !== keyId).join(',')
  return { encoded: [start, algorithm, version, others, ...rest].join('$'), pepperId: keyId.slice(KEY_ID.length) }
}

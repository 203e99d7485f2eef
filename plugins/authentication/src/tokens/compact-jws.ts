import { parseJsonObject, type JsonObject } from '@sallyport/security-context/mechanics'

/** The three parts of a JWS in compact serialization, decoded; nothing in it has been verified. */
export interface CompactJws {
  readonly header: JsonObject
  readonly payload: JsonObject
  /** What was signed: the first two parts as received. */
  readonly signingInput: string
  readonly signature: Buffer
}

/** The decoded bytes of a compact JWS, whatever they mean. */
export interface SplitJws {
  readonly header: Buffer
  readonly payload: Buffer
  readonly signingInput: string
  readonly signature: Buffer
}

const ALPHABET = /^[A-Za-z0-9_-]+$/

/**
 * Splits and decodes a compact JWS: exactly three parts, each canonical base64url, header and payload JSON objects.
 * @returns `null` for anything else; an unsecured token (empty third part) included
 * @see RFC 7515 §5.2, §7.1
 */
export function parseCompactJws(token: string): CompactJws | null {
  const split = splitCompactJws(token)
  if (split === null) return null
  const header = parseJsonObject(split.header)
  const payload = parseJsonObject(split.payload)
  return header === null || payload === null ? null : { ...split, header, payload }
}

/** Splits a compact JWS into its three parts and undoes their base64url; `null` when it has another shape. */
export function splitCompactJws(token: string): SplitJws | null {
  const [first, second, third, ...more] = token.split('.', 4)
  if (first === undefined || second === undefined || third === undefined || more.length > 0) return null
  const header = decodeCanonical(first)
  const payload = decodeCanonical(second)
  const signature = decodeCanonical(third)
  if (header === null || payload === null || signature === null) return null
  return { header, payload, signingInput: token.slice(0, first.length + 1 + second.length), signature }
}

/**
 * Decodes base64url without padding, refusing every second spelling of the same bytes (padding, the `+/` alphabet,
 * spaces, non-zero trailing bits), so that a token has one form only.
 * @see RFC 4648 §3.5, RFC 7515 §2
 */
export function decodeCanonical(text: string): Buffer | null {
  if (!ALPHABET.test(text)) return null
  const bytes = Buffer.from(text, 'base64url')
  return bytes.toString('base64url') === text ? bytes : null
}

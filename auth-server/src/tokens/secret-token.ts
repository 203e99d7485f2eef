import { hash, randomBytes } from 'node:crypto'

/** 256 bits: nobody guesses one, so a plain hash of it is enough at rest. */
const SECRET_BYTES = 32

/** A new random token or secret, 43 characters of base64url. */
export const newSecret = (): string => randomBytes(SECRET_BYTES).toString('base64url')

/** What is stored of a high-entropy secret: its SHA-256. */
export const hashOfSecret = (secret: string): Buffer => hash('sha256', secret, 'buffer')

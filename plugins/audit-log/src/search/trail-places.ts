import { AuditQueryInvalidError } from '../errors.ts'

/** Where each trail goes on: after a sequence, or not at all. */
export type TrailPlaces = ReadonlyMap<string, number | 'end'>

/** Places as a cursor. */
export function placesText(places: TrailPlaces): string {
  return Buffer.from(JSON.stringify(Object.fromEntries(places))).toString('base64url')
}

/**
 * Reads a cursor. It says nothing that its reader may not know, so it need not be signed; it only has to be one.
 * @throws {AuditQueryInvalidError} `SALLYPORT_AUDIT_QUERY_INVALID`
 */
export function parsePlaces(text: string): Map<string, number | 'end'> {
  try {
    const value: unknown = JSON.parse(Buffer.from(text, 'base64url').toString())
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new AuditQueryInvalidError('after')
    const places = Object.entries(value).map(([name, place]: [string, unknown]): [string, number | 'end'] => {
      if (place === 'end') return [name, place]
      if (typeof place === 'number' && Number.isSafeInteger(place) && place >= 0) return [name, place]
      throw new AuditQueryInvalidError('after')
    })
    return new Map(places)
  } catch {
    throw new AuditQueryInvalidError('after')
  }
}

import type { FastifyRequest } from 'fastify'
import type { WriteCondition } from '../configurations/change-configuration.ts'
import { ConfigurationChangedError, PreconditionRequiredError } from '../errors.ts'

/** The entity tag of a text that names the content. @see RFC 9110 §8.8.3 */
export function entityTag(version: string | number): string {
  return `"${version}"`
}

/**
 * Whether the caller has this content already: `If-None-Match` compares weakly.
 * @see RFC 9110 §13.1.2
 */
export function isKnownToCaller({ headers }: Pick<FastifyRequest, 'headers'>, tag: string): boolean {
  const known = headers['if-none-match']
  if (known === undefined) return false
  return known.split(',').some(given => given.trim() === '*' || given.trim().replace(/^W\//, '') === tag)
}

/**
 * The version that a write is made to: `If-Match: "7"`, or `If-None-Match: *` for a configuration that is new.
 * @throws `SALLYPORT_CONFIGSERVER_PRECONDITION_REQUIRED`, `SALLYPORT_CONFIGSERVER_CHANGED` for a tag of another form
 * @see RFC 9110 §13.1.1 (strong comparison: a weak tag never matches)
 */
export function writeCondition({ headers }: Pick<FastifyRequest, 'headers'>): WriteCondition {
  const { 'if-match': match, 'if-none-match': noneMatch } = headers
  if (match === undefined) {
    if (noneMatch?.trim() === '*') return 'none'
    throw new PreconditionRequiredError()
  }
  const [, version] = /^"([1-9]\d{0,8})"$/.exec(match.trim()) ?? []
  if (version === undefined || noneMatch !== undefined) throw new ConfigurationChangedError()
  return Number(version)
}

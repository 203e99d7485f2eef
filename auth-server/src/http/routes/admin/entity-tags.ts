import type { FastifyReply, FastifyRequest } from 'fastify'
import type { ExpectedVersion } from '../../../administration/versions.ts'

/** No row has it: an `If-Match` that cannot be read matches nothing. */
const NO_VERSION = -1

/** Answers with a row and its version as `ETag`. @see RFC 9110 §8.8.3 */
export function sendVersioned<Row extends { readonly version: number }>(
  reply: FastifyReply,
  status: 200 | 201,
  row: Row
): FastifyReply {
  return reply.code(status).header('etag', `"${row.version}"`).send(row)
}

/** Answers a change whose row is not shown with the version that the row has now. @see RFC 9110 §8.8.3 */
export function sendVersionOnly(reply: FastifyReply, { version }: { readonly version: number }): FastifyReply {
  return reply.code(204).header('etag', `"${version}"`).send()
}

/**
 * The version that the caller's change is meant for. Without `If-Match`, and with `*`, it is whichever is stored; a
 * weak tag, a list or anything else matches nothing.
 * @see RFC 9110 §13.1.1
 */
export function expectedVersion({ headers }: Pick<FastifyRequest, 'headers'>): ExpectedVersion {
  const tag = headers['if-match']
  if (tag === undefined || tag === '*') return null
  const [, version] = /^"(\d{1,9})"$/.exec(tag) ?? []
  return version === undefined ? NO_VERSION : Number(version)
}

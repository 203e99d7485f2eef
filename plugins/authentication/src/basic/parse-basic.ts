import { isUtf8 } from 'node:buffer'
import basicAuth from '@fastify/basic-auth'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'

/** User-id and password as sent. */
export interface BasicCredential {
  readonly username: string
  readonly password: string
}

/** Reads the Authorization header of a request; `null` when it is not a well-formed Basic credential. */
export type ParseBasic = (request: FastifyRequest, reply: FastifyReply) => BasicCredential | null

const MAX_USERNAME = 256
const MAX_PASSWORD = 1024

/**
 * A parser over `@fastify/basic-auth`, registered in a scope of its own so that the app may register that plugin too.
 *
 * What `@fastify/basic-auth` leaves open is decided here: bytes that are not UTF-8 are refused (decoded leniently,
 * different passwords would become equal), and so are empty or overlong parts, which no authorization server accepts.
 * @see RFC 7617 §2, §2.1
 */
export async function createBasicParser(fastify: FastifyInstance): Promise<ParseBasic> {
  let found: BasicCredential | null = null
  let parse: FastifyInstance['basicAuth'] | null = null
  await fastify.register(async function basicParsing(scope) {
    await scope.register(basicAuth, {
      validate(username, password, _request, _reply, done) {
        found = { username, password }
        done()
      }
    })
    parse = scope.basicAuth
  })

  return function parseBasic(request, reply) {
    if (!isUtf8(bytesOf(request.headers.authorization))) return null
    // Answers within the call, as `validate` does. Nothing here may go on holding a password.
    parse?.call(fastify, request, reply, ignoreVerdict)
    const credential = found
    found = null
    return credential !== null && isAcceptable(credential) ? credential : null
  }
}

/** A credential that could not be read was not found. */
function ignoreVerdict(): void {}

/** The decoded token68 of the header. */
function bytesOf(header: string | undefined): Buffer {
  return Buffer.from(header?.slice('basic '.length) ?? '', 'base64')
}

function isAcceptable({ username, password }: BasicCredential): boolean {
  return username !== '' && password !== '' && username.length <= MAX_USERNAME && password.length <= MAX_PASSWORD
}

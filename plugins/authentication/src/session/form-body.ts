import { isUtf8 } from 'node:buffer'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { FormInvalidError } from '../errors.ts'

/**
 * Parses `application/x-www-form-urlencoded` strictly: a field that comes twice and bytes that are not UTF-8 are
 * refused, where a lenient decoder would take another password than was typed.
 * @throws {FormInvalidError} `SALLYPORT_AUTHENTICATION_FORM_INVALID`
 * @see WHATWG URL, application/x-www-form-urlencoded parsing
 */
export function parseForm(body: Buffer): Record<string, string> {
  if (!isUtf8(body)) throw new FormInvalidError()
  const fields = new Map<string, string>()
  for (const field of body.toString('utf8').split('&')) {
    if (field === '') continue
    const [name = '', ...value] = field.split('=')
    if (fields.has(decodeFormText(name))) throw new FormInvalidError()
    fields.set(decodeFormText(name), decodeFormText(value.join('=')))
  }
  return Object.fromEntries(fields)
}

/**
 * Text as the authorization server can store and compare it: PostgreSQL has no NUL, UTF-8 has no lone surrogates, and
 * replacing either would make different passwords equal.
 * @throws {FormInvalidError} `SALLYPORT_AUTHENTICATION_FORM_INVALID`
 */
export function requireText(...values: readonly string[]): void {
  if (values.some(value => value.includes('\0') || !value.isWellFormed())) throw new FormInvalidError()
}

function decodeFormText(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch (cause) {
    throw new FormInvalidError({ cause })
  }
}

/** Forms for these routes only, unless the app parses them itself. */
export function acceptForms(fastify: FastifyInstance): void {
  const type = 'application/x-www-form-urlencoded'
  if (fastify.hasContentTypeParser(type)) return
  fastify.addContentTypeParser(
    type,
    { parseAs: 'buffer' },
    async function parseFormBody(_request: FastifyRequest, body: Buffer) {
      return parseForm(body)
    }
  )
}

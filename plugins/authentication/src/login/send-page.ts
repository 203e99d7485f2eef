import { pageHeaders, type Html } from '@sallyport/security-context/pages'
import type { FastifyReply } from 'fastify'

/** Sends a page: framed nowhere, cached nowhere, and nothing leads back to its address, which may hold a code. */
export function sendPage(reply: FastifyReply, status: number, page: Html): FastifyReply {
  return reply.code(status).headers(pageHeaders(null)).send(page.text)
}

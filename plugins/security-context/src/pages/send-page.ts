import type { FastifyReply } from 'fastify'
import type { Html } from './html.ts'
import { pageHeaders } from './page-headers.ts'

/**
 * Sends a page: framed nowhere, cached nowhere, and nothing leads back to its address.
 * @param formTarget where the page's form may end up besides here
 * @param scripts `own`: files of this origin run in it
 */
export function sendPage(
  reply: FastifyReply,
  status: number,
  page: Html,
  formTarget: string | null = null,
  scripts: 'none' | 'own' = 'none'
): FastifyReply {
  return reply.code(status).headers(pageHeaders(formTarget, scripts)).send(page.text)
}

import { requestLanguage, type Html } from '@sallyport/security-context/pages'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { takeAnswer } from './call-gateway.ts'
import { landingPage } from './web-client-pages.ts'
import { OPEN_PAGE, sendClientPage, type PageFormRoute, type WebClientParts } from './parts.ts'
import { WEB_CLIENT_PATHS as AT } from './paths.ts'
import type { WebClientTexts } from './texts.ts'

const SESSION_COOKIE = /(?:^|; *)(?:__Host-)?sallyport-(?:access|refresh|session)[.=]/

/** The landing page with both logins, and where its form goes. */
export function landingRoutes(fastify: FastifyInstance, parts: WebClientParts): void {
  fastify.get(AT.landing, { config: OPEN_PAGE }, async function showLanding(request, reply) {
    // Whether the session still lives is found out there.
    if (SESSION_COOKIE.test(request.headers.cookie ?? '')) return await reply.redirect(AT.orders, 303)
    return sendClientPage(parts, reply, landing(request, '', null))
  })

  fastify.post<PageFormRoute>(AT.login, { config: OPEN_PAGE }, async function logInHere(request, reply) {
    const username = request.body?.get('username') ?? ''
    const answer = await parts.call(request, {
      method: 'POST',
      path: '/login',
      body: { username, password: request.body?.get('password') ?? '' },
      // What the browser says of the page that the form was on: it is checked there.
      headers: originFields(request)
    })
    const { status } = answer
    if (status === 400 || status === 401) return refuse(request, reply, { username, problem: 'wrongPassword' }, 401)
    if (status === 429) return refuse(request, reply, { username, problem: 'tooManyLogins' }, 429)
    takeAnswer(answer, reply)
    return await reply.redirect(AT.orders, 303)
  })

  function refuse(
    request: FastifyRequest,
    reply: FastifyReply,
    { username, problem }: { readonly username: string; readonly problem: keyof WebClientTexts },
    status: number
  ): FastifyReply {
    return sendClientPage(parts, reply, landing(request, username, problem), status)
  }

  function landing(request: FastifyRequest, username: string, problem: keyof WebClientTexts | null): Html {
    const language = requestLanguage(request)
    const query = new URLSearchParams({ returnTo: AT.orders, ui_locales: language }).toString()
    return landingPage(language, { loginAddress: parts.hasIssuerLogin ? `/login?${query}` : null, username, problem })
  }
}

function originFields({ headers }: FastifyRequest): Record<string, string> {
  const { origin, 'sec-fetch-site': site } = headers
  return { ...(origin !== undefined && { origin }), ...(typeof site === 'string' && { 'sec-fetch-site': site }) }
}

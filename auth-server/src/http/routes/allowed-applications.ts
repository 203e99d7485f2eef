import { recordSecurityEvent } from '@sallyport/security-context'
import { requestLanguage, requestLanguages, sendPage } from '@sallyport/security-context/pages'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { currentSignIn } from '../../accounts/sign-in/start-sign-in.ts'
import { withdrawConsent } from '../../accounts/withdraw-consent.ts'
import { describeScopes } from '../../protocol/authorize/describe-scopes.ts'
import { auditWriterFor } from '../audit-writer.ts'
import { SIGN_IN_COOKIE } from '../cookies.ts'
import { formOf, type FormRoute } from '../oauth-context.ts'
import { csrfFor, type PageParts } from '../page-context.ts'
import { applicationsPage, type AllowedApplication } from '../pages/application-pages.ts'
import { notLoggedInPage } from '../pages/password-pages.ts'
import { signedInWithForm } from '../signed-in-form.ts'

const APPLICATIONS = '/account/applications'

/**
 * `GET|POST /account/applications`: the applications that a user has allowed something, in a browser in which they are
 * logged in, and a form for each that takes it back.
 * @param prefix path of the issuer
 */
export function allowedApplicationRoutes(fastify: FastifyInstance, server: PageParts, prefix: string): void {
  fastify.get(
    APPLICATIONS,
    { config: { access: 'public', audit: 'none' } },
    async function showApplications(request, reply) {
      const signedIn = await currentSignIn(server, request.cookies[SIGN_IN_COOKIE])
      if (signedIn === null) return sendPage(reply, 403, notLoggedInPage(requestLanguage(request)))
      return await show(request, reply, signedIn.user.id, null)
    }
  )

  fastify.post<FormRoute>(
    APPLICATIONS,
    { config: { access: 'public', audit: { action: 'consent.withdraw' } } },
    async function withdraw(request, reply) {
      const signedIn = await signedInWithForm(server, request, reply)
      if (signedIn === null) return reply
      const clientId = formOf(request).get('client_id') ?? ''
      const { id: subject } = signedIn.user
      const audit = auditWriterFor(request)
      const ended = await withdrawConsent(server.store, { userId: subject, clientId }, server.clock(), audit)
      const reason = ended === null ? 'consent-unknown' : 'consent-withdrawn'
      if (ended === null) {
        await audit(server.store, {
          action: 'consent.withdraw',
          outcome: 'success',
          reason,
          subject,
          resource: { type: 'client', id: clientId }
        })
      }
      recordSecurityEvent(request, { stage: 'revocation', outcome: 'success', reason, subject })
      const client = ended === null ? null : await server.store.clients.find(clientId)
      return await show(request, reply, subject, client?.name ?? null)
    }
  )

  async function show(
    request: FastifyRequest,
    reply: FastifyReply,
    userId: string,
    withdrawn: string | null
  ): Promise<FastifyReply> {
    const facts = {
      action: `${prefix}${APPLICATIONS}`,
      csrf: csrfFor(server.csrf, request, reply),
      applications: await allowedBy(userId, requestLanguages(request)),
      withdrawn
    }
    return sendPage(reply, 200, applicationsPage(facts, requestLanguage(request)))
  }

  async function allowedBy(userId: string, languages: readonly string[]): Promise<AllowedApplication[]> {
    const found = await Promise.all(
      (await server.store.consents.ofUser(userId)).map(async ({ clientId, scopes }) => {
        const client = await server.store.clients.find(clientId)
        if (client === null) return []
        const audience = client.defaultAudience ?? ''
        return [
          { clientId, name: client.name, scopes: await describeScopes(server.store, audience, scopes, languages) }
        ]
      })
    )
    return found.flat()
  }
}

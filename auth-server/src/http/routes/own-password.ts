import { recordSecurityEvent } from '@sallyport/security-context'
import { requestLanguage, sendPage } from '@sallyport/security-context/pages'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { changePasswordWithForm } from '../../accounts/passwords/change-password-with-form.ts'
import type { FormProblem } from '../../accounts/passwords/refused-form.ts'
import { currentSignIn } from '../../accounts/sign-in/start-sign-in.ts'
import { auditWriterFor } from '../audit-writer.ts'
import { COOKIE_ATTRIBUTES, SIGN_IN_COOKIE } from '../cookies.ts'
import { formOf, type FormRoute } from '../oauth-context.ts'
import { csrfFor, type PageParts } from '../page-context.ts'
import { notLoggedInPage, passwordChangedPage, passwordPage } from '../pages/password-pages.ts'
import { signedInWithForm } from '../signed-in-form.ts'

const OWN_PASSWORD = '/account/password'

/**
 * `GET|POST /account/password`: a user changes their own password, in a browser in which they are logged in. There is
 * no such endpoint for applications: none of them should ever see a password.
 * @param prefix path of the issuer
 * @see RFC 9700 §2.4
 */
export function ownPasswordRoutes(fastify: FastifyInstance, server: PageParts, prefix: string): void {
  fastify.get(
    OWN_PASSWORD,
    { config: { access: 'public', audit: 'none' } },
    async function showPasswordForm(request, reply) {
      const signedIn = await currentSignIn(server, request.cookies[SIGN_IN_COOKIE])
      if (signedIn === null) return sendPage(reply, 403, notLoggedInPage(requestLanguage(request)))
      return showForm(request, reply, { username: signedIn.user.username, status: 200, problem: null })
    }
  )

  fastify.post<FormRoute>(
    OWN_PASSWORD,
    { config: { access: 'public', audit: { action: 'user.change-password' } } },
    async function changePassword(request, reply) {
      const signedIn = await signedInWithForm(server, request, reply)
      if (signedIn === null) return reply
      const subject = signedIn.user.id
      const outcome = await changePasswordWithForm(
        server,
        { form: formOf(request), sourceAddress: request.ip, signedIn },
        auditWriterFor(request)
      )
      if (outcome.kind === 'refused') {
        const { status, problem, reason, parties, retryAfterSeconds } = outcome
        const refusal = status < 500 ? 'denied' : 'failure'
        recordSecurityEvent(request, { stage: 'session', outcome: refusal, reason, ...parties, subject })
        if (retryAfterSeconds !== null) void reply.header('retry-after', String(retryAfterSeconds))
        return showForm(request, reply, { username: signedIn.user.username, status, problem })
      }
      recordSecurityEvent(request, { stage: 'session', outcome: 'success', reason: 'password-changed', subject })
      void reply.setCookie(SIGN_IN_COOKIE, outcome.signedIn.secret, COOKIE_ATTRIBUTES)
      return sendPage(reply, 200, passwordChangedPage(outcome.endedSessions, requestLanguage(request)))
    }
  )

  function showForm(
    request: FastifyRequest,
    reply: FastifyReply,
    shown: { readonly username: string; readonly status: number; readonly problem: FormProblem | null }
  ): FastifyReply {
    const { status, username, problem } = shown
    const action = `${prefix}${OWN_PASSWORD}`
    const { minLength } = server.passwordPolicy
    const csrf = csrfFor(server.csrf, request, reply)
    return sendPage(
      reply,
      status,
      passwordPage({ action, csrf, username, minLength, problem }, requestLanguage(request))
    )
  }
}

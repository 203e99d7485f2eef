import { recordSecurityEvent } from '@sallyport/security-context'
import { formTargetOf, requestLanguage, sendPage, type PageLanguage } from '@sallyport/security-context/pages'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { endHintedSession, endSignIn } from '../../accounts/sign-in/end-sign-in.ts'
import { currentSignIn } from '../../accounts/sign-in/start-sign-in.ts'
import type { Form } from '../../parse-form.ts'
import { LOGOUT_PARAMETERS, readLogoutRequest, type LogoutRequest } from '../../protocol/openid/logout-request.ts'
import type { UserSignIn } from '../../store/records.ts'
import { COOKIE_ATTRIBUTES, SIGN_IN_COOKIE } from '../cookies.ts'
import { formOf, type FormRoute } from '../oauth-context.ts'
import { csrfFor, parametersOf, refuseForeignForm, sendToClient, type PageParts } from '../page-context.ts'
import { confirmLogoutPage, loggedOutPage } from '../pages/logout-pages.ts'
import { auditWriterFor } from '../audit-writer.ts'

const END_SESSION = '/oauth2/end-session'

/**
 * `GET|POST /oauth2/end-session`, and where its page posts to.
 * @param prefix path of the issuer
 * @see OpenID Connect RP-Initiated Logout 1.0 §2
 */
export function endSessionRoutes(fastify: FastifyInstance, server: PageParts, prefix: string): void {
  fastify.get(
    END_SESSION,
    { config: { access: 'public', audit: 'none' } },
    async function answerLogout(request, reply) {
      const parameters = parametersOf(request)
      const [asked, signedIn] = await Promise.all([
        readLogoutRequest(server, parameters),
        currentSignIn(server, request.cookies[SIGN_IN_COOKIE])
      ])
      const { hinted } = asked
      if (signedIn === null) {
        if (hinted !== null) await endHintedSession(server, hinted, auditWriterFor(request))
        return answerLoggedOut(reply, asked.isProven ? asked.redirectTo : null, languageOfLogout(request, parameters))
      }
      // Without proof that a client of this very sign-in asks, anybody's link could log the user out: ask the user.
      if (hinted === null || hinted.signInId !== signedIn.signIn.id) {
        return askUser(request, reply, { parameters, asked, signedIn })
      }
      await endSignIn(server, signedIn, auditWriterFor(request))
      return loggedOut(request, reply, asked, languageOfLogout(request, parameters))
    }
  )

  // The browser brings its cookie along with a link from another site, but not with a form.
  fastify.post<FormRoute>(
    END_SESSION,
    { config: { access: 'public', audit: 'none' } },
    async function turnIntoGet(request, reply) {
      return sendToClient(
        reply,
        `${prefix}${END_SESSION}?${new URLSearchParams(knownParameters(formOf(request))).toString()}`
      )
    }
  )

  fastify.post<FormRoute>(
    `${END_SESSION}/confirm`,
    { config: { access: 'public', audit: { action: 'sign-in.end' } } },
    async function logOut(request, reply) {
      const form = formOf(request)
      refuseForeignForm(server.csrf, request, form)
      const [asked, signedIn] = await Promise.all([
        readLogoutRequest(server, form),
        currentSignIn(server, request.cookies[SIGN_IN_COOKIE])
      ])
      const audit = auditWriterFor(request)
      if (signedIn === null) {
        await audit(server.store, { action: 'sign-in.end', outcome: 'success', reason: 'none-live' })
      } else await endSignIn(server, signedIn, audit)
      return loggedOut(request, reply, asked, languageOfLogout(request, form))
    }
  )

  function askUser(
    request: FastifyRequest,
    reply: FastifyReply,
    { parameters, asked, signedIn }: { parameters: Form; asked: LogoutRequest; signedIn: UserSignIn }
  ): FastifyReply {
    const form = {
      action: `${prefix}${END_SESSION}/confirm`,
      csrf: csrfFor(server.csrf, request, reply),
      parameters: knownParameters(parameters)
    }
    const formTarget = asked.redirectTo === null ? null : formTargetOf(asked.redirectTo)
    return sendPage(
      reply,
      200,
      confirmLogoutPage(
        form,
        {
          username: signedIn.user.username,
          clientName: asked.client?.name ?? null,
          meansAnother: asked.meantUserId !== null && asked.meantUserId !== signedIn.user.id
        },
        languageOfLogout(request, parameters)
      ),
      formTarget
    )
  }
}

function loggedOut(
  request: FastifyRequest,
  reply: FastifyReply,
  asked: LogoutRequest,
  language: PageLanguage
): FastifyReply {
  recordSecurityEvent(request, { stage: 'session', outcome: 'success', reason: 'signed-out' })
  void reply.setCookie(SIGN_IN_COOKIE, '', { ...COOKIE_ATTRIBUTES, maxAge: 0 })
  return answerLoggedOut(reply, asked.redirectTo, language)
}

function answerLoggedOut(reply: FastifyReply, redirectTo: string | null, language: PageLanguage): FastifyReply {
  return redirectTo === null ? sendPage(reply, 200, loggedOutPage(language)) : sendToClient(reply, redirectTo)
}

const languageOfLogout = (request: FastifyRequest, parameters: Form): PageLanguage =>
  requestLanguage(request, parameters.get('ui_locales') ?? null)

/** The parameters that count, in the order of the specification. */
function knownParameters(parameters: Form): Record<string, string> {
  return Object.fromEntries(
    LOGOUT_PARAMETERS.flatMap(name => {
      const value = parameters.get(name)
      return value === undefined ? [] : [[name, value]]
    })
  )
}

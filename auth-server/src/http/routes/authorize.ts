import { recordSecurityEvent } from '@sallyport/security-context'
import { formTargetOf, requestLanguage, requestLanguages, sendPage } from '@sallyport/security-context/pages'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { logInWithForm } from '../../accounts/sign-in/log-in-with-form.ts'
import { currentSignIn } from '../../accounts/sign-in/start-sign-in.ts'
import { invalidRequest } from '../../oauth-error.ts'
import { AuthorizationError } from '../../protocol/authorize/authorization-error.ts'
import { responseUri } from '../../protocol/authorize/authorization-response.ts'
import { describeScopes } from '../../protocol/authorize/describe-scopes.ts'
import type { Interaction } from '../../protocol/authorize/interactions.ts'
import { issueCode, type GrantedRequest } from '../../protocol/authorize/issue-code.ts'
import { nextStep } from '../../protocol/authorize/next-step.ts'
import { isRegistered } from '../../protocol/authorize/redirect-uris.ts'
import { resolveRequest } from '../../protocol/authorize/resolve-request.ts'
import type { FormProblem } from '../../accounts/passwords/refused-form.ts'
import type { Client, UserSignIn } from '../../store/records.ts'
import { COOKIE_ATTRIBUTES, SIGN_IN_COOKIE } from '../cookies.ts'
import { formOf, type FormRoute } from '../oauth-context.ts'
import { csrfFor, parametersOf, refuseForeignForm, sendToClient, type PageParts } from '../page-context.ts'
import { consentPage, loginPage, type PageForm } from '../pages/pages.ts'
import { auditWriterFor } from '../audit-writer.ts'

const AUTHORIZE = '/oauth2/authorize'

/** One request on its way: what it is about, and who is logged in. */
interface Visit {
  readonly client: Client
  readonly interaction: Interaction
  readonly signedIn: UserSignIn | null
}

/**
 * `GET|POST /oauth2/authorize`, and where its pages post to.
 * @param prefix path of the issuer
 * @see RFC 6749 §3.1, OpenID Connect Core 1.0 §3.1.2
 */
export function authorizeRoutes(fastify: FastifyInstance, server: PageParts, prefix: string): void {
  const { csrf, interactions } = server

  fastify.route({
    method: ['GET', 'POST'],
    url: AUTHORIZE,
    config: { access: 'public', audit: { action: 'authorization.request', only: 'refusals' } },
    handler: async function authorize(request, reply) {
      const { client, request: asked } = await resolveRequest(server, parametersOf(request))
      const signedIn = await currentSignIn(server, request.cookies[SIGN_IN_COOKIE])
      return await proceed(request, reply, {
        client,
        interaction: { request: asked, freshSignInId: null, asked: null },
        signedIn
      })
    }
  })

  fastify.post<FormRoute>(
    `${AUTHORIZE}/login`,
    { config: { access: 'public', audit: { action: 'sign-in.start' } } },
    async function logIn(request, reply) {
      const { client, interaction, signedIn } = await visitOf(request)
      const form = formOf(request)
      const attempt = await logInWithForm(
        server,
        { form, sourceAddress: request.ip, previous: signedIn },
        auditWriterFor(request)
      )
      if (attempt.kind === 'refused') {
        const outcome = attempt.status < 500 ? 'denied' : 'failure'
        recordSecurityEvent(request, {
          stage: 'session',
          outcome,
          reason: attempt.reason,
          clientId: client.id,
          ...attempt.parties
        })
        if (attempt.retryAfterSeconds !== null) void reply.header('retry-after', String(attempt.retryAfterSeconds))
        return showLogin(
          request,
          reply,
          { client, interaction, signedIn },
          { status: attempt.status, problem: attempt.problem, username: form.get('username') ?? '' }
        )
      }
      const parties = { subject: attempt.signedIn.user.id, clientId: client.id }
      recordSecurityEvent(request, { stage: 'session', outcome: 'success', reason: 'signed-in', ...parties })
      void reply.setCookie(SIGN_IN_COOKIE, attempt.signedIn.secret, COOKIE_ATTRIBUTES)
      return await proceed(request, reply, {
        client,
        interaction: { ...interaction, freshSignInId: attempt.signedIn.signIn.id },
        signedIn: attempt.signedIn
      })
    }
  )

  fastify.post<FormRoute>(
    `${AUTHORIZE}/consent`,
    { config: { access: 'public', audit: { action: 'authorization.grant' } } },
    async function decide(request, reply) {
      const visit = await visitOf(request)
      const {
        interaction: { request: asked, asked: shown },
        signedIn,
        client
      } = visit
      const decision = formOf(request).get('decision')
      const record = async (reason: string): Promise<void> => {
        await auditWriterFor(request)(server.store, {
          action: 'authorization.grant',
          outcome: 'denied',
          reason,
          clientId: client.id,
          resource: { type: 'client', id: client.id },
          ...(signedIn !== null && { subject: signedIn.user.id })
        })
      }
      // The page belonged to another sign-in, or to none: whoever is here now has not been asked.
      if (shown === null || signedIn === null || shown.signInId !== signedIn.signIn.id) {
        await record('consent-of-another-sign-in')
        return await proceed(request, reply, visit)
      }
      if (decision === 'deny') {
        await record('user-denied')
        throw new AuthorizationError('access_denied', 'user-denied', 'The user does not allow this', asked).about({
          subject: signedIn.user.id
        })
      }
      if (decision !== 'allow') throw invalidRequest('decision', 'The request is not valid')
      const step = await nextStep(server, client, visit.interaction, signedIn)
      if (step.kind === 'log-in') {
        await record('sign-in-too-old')
        return await proceed(request, reply, visit)
      }
      return await answerWithCode(request, reply, {
        request: asked,
        signedIn,
        scopes: step.scopes.filter(scope => shown.scopes.includes(scope)),
        consented: true
      })
    }
  )

  async function visitOf(request: FastifyRequest<FormRoute>): Promise<Visit> {
    const form = formOf(request)
    refuseForeignForm(csrf, request, form)
    const interaction = interactions.unseal(form.get('interaction') ?? '')
    const [client, signedIn] = await Promise.all([
      server.store.clients.find(interaction.request.clientId),
      currentSignIn(server, request.cookies[SIGN_IN_COOKIE])
    ])
    if (client === null || client.disabledAtMs !== null) {
      throw invalidRequest('client-unknown', 'The application is not known here')
    }
    // The page was open while the address was taken away.
    if (!isRegistered(interaction.request.redirectUri, client)) {
      throw invalidRequest('redirect-uri', 'The application’s address is not registered here').about({
        clientId: client.id
      })
    }
    return { client, interaction, signedIn }
  }

  async function proceed(request: FastifyRequest, reply: FastifyReply, visit: Visit): Promise<FastifyReply> {
    const { client, interaction } = visit
    const uiLocales = interaction.request.uiLocales ?? null
    const step = await nextStep(server, client, interaction, visit.signedIn)
    if (step.kind === 'log-in') {
      return showLogin(request, reply, visit, {
        status: 200,
        problem: null,
        username: interaction.request.loginHint ?? ''
      })
    }
    const { signedIn, scopes } = step
    if (step.kind === 'issue-code') {
      return await answerWithCode(request, reply, { request: interaction.request, signedIn, scopes, consented: false })
    }
    const form = pageForm(request, reply, 'consent', {
      ...interaction,
      asked: { signInId: signedIn.signIn.id, scopes }
    })
    return sendPage(
      reply,
      200,
      consentPage(
        form,
        {
          clientName: client.name,
          username: signedIn.user.username,
          scopes: await describeScopes(
            server.store,
            interaction.request.audience,
            scopes,
            requestLanguages(request, uiLocales)
          )
        },
        requestLanguage(request, uiLocales)
      ),
      formTargetOf(interaction.request.redirectUri)
    )
  }

  function showLogin(
    request: FastifyRequest,
    reply: FastifyReply,
    { client, interaction }: Visit,
    shown: { readonly status: number; readonly problem: FormProblem | null; readonly username: string }
  ): FastifyReply {
    const form = pageForm(request, reply, 'login', interaction)
    return sendPage(
      reply,
      shown.status,
      loginPage(
        form,
        { clientName: client.name, ...shown },
        requestLanguage(request, interaction.request.uiLocales ?? null)
      ),
      formTargetOf(interaction.request.redirectUri)
    )
  }

  async function answerWithCode(
    request: FastifyRequest,
    reply: FastifyReply,
    granted: GrantedRequest
  ): Promise<FastifyReply> {
    const code = await issueCode(server, granted, auditWriterFor(request))
    const parties = { subject: granted.signedIn.user.id, clientId: granted.request.clientId }
    recordSecurityEvent(request, { stage: 'grant', outcome: 'success', reason: 'code-issued', ...parties })
    return sendToClient(reply, responseUri(server.issuer, granted.request, { code }))
  }

  function pageForm(
    request: FastifyRequest,
    reply: FastifyReply,
    name: 'login' | 'consent',
    interaction: Interaction
  ): PageForm {
    return {
      action: `${prefix}${AUTHORIZE}/${name}`,
      interaction: interactions.seal(interaction),
      csrf: csrfFor(csrf, request, reply)
    }
  }
}

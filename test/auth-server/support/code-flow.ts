import type { FastifyInstance } from 'fastify'
import type { Test } from 'tap'
import { token, type TokenAnswer } from '../../support/authorization-server.ts'
import { authorized, authorizeUrl, browser, pkce, requestOf, WEB_APP, type Browser } from '../../support/browser.ts'

/** The tokens of the code flow. */
export type CodeTokens = TokenAnswer & { readonly id_token?: string }

/** Takes a user through the code flow of the web app, in this browser or a new one. */
export async function codeFlow(
  app: FastifyInstance,
  { user = browser(app), ...request }: { readonly user?: Browser } & Record<string, string | Browser | undefined> = {}
): Promise<{ readonly user: Browser; readonly tokens: CodeTokens }> {
  const { verifier, challenge } = pkce()
  const { answer } = await authorized(
    user,
    authorizeUrl(requestOf(challenge, { scope: 'openid orders:read', ...(request as Record<string, string>) }))
  )
  const { body } = await token(app, 'web-app', {
    grant_type: 'authorization_code',
    code: answer.code ?? '',
    redirect_uri: WEB_APP.redirect_uri,
    code_verifier: verifier
  })
  return { user, tokens: body }
}

/** An id_token that has to be there. */
export function idTokenOf(t: Test, { id_token: idToken }: CodeTokens): string {
  t.type(idToken, 'string')
  return idToken ?? ''
}

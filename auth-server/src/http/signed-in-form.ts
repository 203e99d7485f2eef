import { recordSecurityEvent } from '@sallyport/security-context'
import { requestLanguage, sendPage } from '@sallyport/security-context/pages'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { currentSignIn } from '../accounts/sign-in/start-sign-in.ts'
import type { UserSignIn } from '../store/records.ts'
import { SIGN_IN_COOKIE } from './cookies.ts'
import { formOf, type FormRoute } from './oauth-context.ts'
import { refuseForeignForm, type PageParts } from './page-context.ts'
import { notLoggedInPage } from './pages/password-pages.ts'

/**
 * Who is logged in in the browser that sends a form of a page of ours; `null`: nobody, and the request is answered.
 * @throws {OAuthError} `invalid_request` for a form that was not shown by us in this browser
 */
export async function signedInWithForm(
  server: PageParts,
  request: FastifyRequest<FormRoute>,
  reply: FastifyReply
): Promise<UserSignIn | null> {
  refuseForeignForm(server.csrf, request, formOf(request))
  const signedIn = await currentSignIn(server, request.cookies[SIGN_IN_COOKIE])
  if (signedIn !== null) return signedIn
  recordSecurityEvent(request, { stage: 'session', outcome: 'denied', reason: 'sign-in-missing' })
  void sendPage(reply, 403, notLoggedInPage(requestLanguage(request)))
  return null
}

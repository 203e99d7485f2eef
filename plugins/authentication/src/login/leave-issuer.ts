import type { FastifyReply, FastifyRequest } from 'fastify'
import { sendPage } from '@sallyport/security-context/pages'
import { readerLanguage } from '../pages/authentication-texts.ts'
import { createSealer } from '../session/seal.ts'
import { endedPage } from '../session/session-pages.ts'
import { originFor } from './begin-login.ts'
import type { LeavingLogin } from './login-entry.ts'
import type { LoginParts } from './login-parts.ts'
import { queryOf } from './read-login-answer.ts'
import { isReturnPath } from './return-path.ts'

/** The end of a login at the issuer. */
export interface IssuerLogout {
  /** Where the browser goes; `null` when the issuer has no such place, or cannot be asked. */
  readonly leave: (request: FastifyRequest, leaving: LeavingLogin) => Promise<string | null>
  /** Handler of where it comes back. */
  readonly comeBack: (request: FastifyRequest, reply: FastifyReply) => FastifyReply
}

const PURPOSE = 'logout\0state'

/** It goes into an address, where proxies stand no more than 8 KiB in all. */
const LONGEST_HINT = 4096

/**
 * Logout at the issuer, begun here. A session in a store has kept its id_token, which tells the issuer whose login this
 * is. Else the client says who it is, and with the session or the subject whom it means; the issuer asks the person.
 * `state` is the path to return to, sealed: nothing is stored.
 * @see OpenID Connect RP-Initiated Logout 1.0 §2, §3
 */
export function createIssuerLogout(parts: LoginParts): IssuerLogout {
  const { core, options, loggedOutPath, loginPath } = parts
  const sealer = createSealer(core.options.keys)
  return {
    async leave(request, { returnTo, idToken }) {
      const issuer = await options.client.issuer().catch((err: unknown) => {
        request.log.warn({ err }, 'the issuer cannot be asked where a login ends')
        return null
      })
      if (issuer === null || issuer.endSessionEndpoint === null) return null
      const url = new URL(issuer.endSessionEndpoint)
      const hint = request.principal?.sessionId ?? request.principal?.subject
      url.searchParams.set('client_id', issuer.clientId)
      url.searchParams.set('post_logout_redirect_uri', originFor(parts, request) + loggedOutPath)
      if (idToken !== null && idToken.length <= LONGEST_HINT) url.searchParams.set('id_token_hint', idToken)
      else if (hint !== undefined) url.searchParams.set('logout_hint', hint)
      if (returnTo !== undefined) url.searchParams.set('state', sealer.seal(PURPOSE, returnTo))
      return url.href
    },
    comeBack(request, reply) {
      const state = queryOf(request.url).get('state')
      const returnTo = state === null ? null : sealer.unseal(PURPOSE, state)
      if (returnTo !== null && isReturnPath(returnTo)) return reply.redirect(returnTo, 303)
      return sendPage(reply, 200, endedPage({ login: loginPath }, readerLanguage(request)))
    }
  }
}

import { createPeerAgent } from '@sallyport/secure-transport'

/**
 * Posts a logout token to a registered address and gives the status of the answer. Rejects without an answer in time.
 */
export type SendLogoutToken = (uri: string, logoutToken: string) => Promise<number>

/** How {@link logoutTokenSender} connects. */
export interface LogoutTokenSenderOptions {
  /** PEM of the authorities that vouch for the clients' servers. */
  readonly ca: string
  /** For the whole attempt, in ms. */
  readonly timeoutMs: number
}

/** The answer's body says nothing that counts; this much of it is read to keep the connection. */
const LONGEST_ANSWER_BYTES = 16 * 1024

/**
 * Makes the function that sends. It follows no redirect, so that nothing but the registered address is ever asked, and
 * sends nothing but the token: no cookie, no credentials, no header of any request.
 * @see OpenID Connect Back-Channel Logout 1.0 §2.5
 */
export function logoutTokenSender({ ca, timeoutMs }: LogoutTokenSenderOptions): {
  readonly send: SendLogoutToken
  readonly close: () => Promise<void>
} {
  const agent = createPeerAgent({
    ca,
    connections: 4,
    connectTimeoutMs: timeoutMs,
    headersTimeoutMs: timeoutMs,
    bodyTimeoutMs: timeoutMs
  })
  return {
    send: async (uri, logoutToken) => {
      const { origin, pathname, search } = new URL(uri)
      const { statusCode, body } = await agent.request({
        origin,
        path: pathname + search,
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded', accept: '*/*' },
        body: new URLSearchParams({ logout_token: logoutToken }).toString(),
        signal: AbortSignal.timeout(timeoutMs)
      })
      // The status has decided; a body that never ends is cut.
      await body.dump({ limit: LONGEST_ANSWER_BYTES }).catch(() => {})
      return statusCode
    },
    close: async () => {
      await agent.destroy()
    }
  }
}

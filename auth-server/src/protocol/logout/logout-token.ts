import { randomUUID } from 'node:crypto'
import { secondsOf } from '../../clock.ts'
import type { LogoutNotice } from '../../store/records.ts'
import { signJwt } from '../../tokens/sign-jwt.ts'
import type { JwtIssuer } from '../authorization-server.ts'

/**
 * How long a logout token is valid. The specification encourages two minutes at most, against replay.
 * @see OpenID Connect Back-Channel Logout 1.0 §4
 */
export const LOGOUT_TOKEN_SECONDS = 120

const EVENT = 'http://schemas.openid.net/event/backchannel-logout'

/**
 * The token that tells a client which of its sessions ended. It has no `nonce`, so that it is never taken for an
 * id_token, and every attempt gets its own `jti`, so that a client that remembers them accepts a repeated attempt.
 * @see OpenID Connect Back-Channel Logout 1.0 §2.4
 */
export async function issueLogoutToken({ issuer, clock, keys }: JwtIssuer, notice: LogoutNotice): Promise<string> {
  const nowSeconds = secondsOf(clock())
  return signJwt(await keys.signer(), 'logout+jwt', {
    iss: issuer,
    sub: notice.userId,
    aud: notice.clientId,
    iat: nowSeconds,
    exp: nowSeconds + LOGOUT_TOKEN_SECONDS,
    jti: randomUUID(),
    sid: notice.sessionId,
    events: { [EVENT]: {} }
  })
}

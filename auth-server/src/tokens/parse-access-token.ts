import { LONGEST_ACTOR_CHAIN } from '@sallyport/security-context'
import { isJsonObject } from '@sallyport/security-context/mechanics'
import { confirmationOf } from '../store/confirmation.ts'
import type { AccessTokenClaims, ActorClaim } from './access-token-claims.ts'

const isString = (value: unknown): value is string => typeof value === 'string'
const isWhole = (value: unknown): value is number => Number.isSafeInteger(value)

/**
 * The claims of an access token out of parsed JSON, `null` when one is missing or has another type: also what is signed
 * by our own key is checked, since keys sign other things too.
 * @see RFC 9068 §2.2
 */
export function accessTokenClaimsOf(value: unknown): AccessTokenClaims | null {
  if (!isJsonObject(value)) return null
  const { iss, sub, aud, client_id: clientId, iat, exp, jti, scope, roles, sid, status, txn, act, cnf } = value
  const { auth_time: authTime, amr } = value
  if (
    !isString(iss) ||
    !isString(sub) ||
    !isString(aud) ||
    !isString(clientId) ||
    !isString(jti) ||
    !isString(scope) ||
    !isString(txn)
  ) {
    return null
  }
  if (!isWhole(iat) || !isWhole(exp)) return null
  if (!Array.isArray(roles) || !roles.every(isString)) return null
  if (sid !== undefined && !isString(sid)) return null
  if (authTime !== undefined && !isWhole(authTime)) return null
  if (amr !== undefined && !(Array.isArray(amr) && amr.every(isString))) return null
  const list = isJsonObject(status) ? status.status_list : null
  if (!isJsonObject(list) || !isWhole(list.idx) || !isString(list.uri)) return null
  const actor = act === undefined ? undefined : actorOf(act)
  const confirmation = cnf === undefined ? undefined : confirmationOf(cnf)
  if (actor === null || confirmation === null) return null
  return {
    iss,
    sub,
    aud,
    client_id: clientId,
    iat,
    exp,
    jti,
    scope,
    roles,
    ...(sid === undefined ? {} : { sid }),
    ...(authTime === undefined ? {} : { auth_time: authTime }),
    ...(amr === undefined ? {} : { amr }),
    status: { status_list: { idx: list.idx, uri: list.uri } },
    txn,
    ...(actor === undefined ? {} : { act: actor }),
    ...(confirmation === undefined ? {} : { cnf: confirmation })
  }
}

function actorOf(value: unknown, linksLeft = LONGEST_ACTOR_CHAIN): ActorClaim | null {
  if (!isJsonObject(value) || !isString(value.sub) || linksLeft === 0) return null
  if (value.act === undefined) return { sub: value.sub }
  const previous = actorOf(value.act, linksLeft - 1)
  return previous === null ? null : { sub: value.sub, act: previous }
}

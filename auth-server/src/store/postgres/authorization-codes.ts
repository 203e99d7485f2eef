import type { Knex } from 'knex'
import type { AuthorizationCodeStore } from '../contract.ts'
import type { StoredAuthorizationCode } from '../records.ts'
import { millisecondsOf, timeOf } from './time.ts'

interface CodeRow {
  readonly hash: Buffer
  readonly client_id: string
  readonly user_id: string
  readonly sign_in_id: string
  readonly redirect_uri: string
  readonly code_challenge: string
  readonly scopes: string[]
  readonly audience: string
  readonly nonce: string | null
  readonly authenticated_at: Date
  readonly dpop_thumbprint: string | null
  readonly expires_at: Date
  readonly session_id: string | null
}

/** Authorization codes on PostgreSQL. */
export function authorizationCodeStore(db: Knex): AuthorizationCodeStore {
  return {
    save: async (hash, code) => {
      await db('authorization_codes').insert({
        hash,
        client_id: code.clientId,
        user_id: code.userId,
        sign_in_id: code.signInId,
        redirect_uri: code.redirectUri,
        code_challenge: code.codeChallenge,
        scopes: code.scopes,
        audience: code.audience,
        nonce: code.nonce,
        authenticated_at: timeOf(code.authenticatedAtMs),
        dpop_thumbprint: code.dpopThumbprint,
        expires_at: timeOf(code.expiresAtMs)
      })
    },
    find: async hash => {
      const row = await db<CodeRow>('authorization_codes').where({ hash }).first()
      return row === undefined ? null : storedCodeOf(row)
    },
    // A concurrent update of the row makes this one wait and then look again: it finds a session and changes nothing.
    use: async (hash, sessionId) =>
      (await db<CodeRow>('authorization_codes').where({ hash, session_id: null }).update({ session_id: sessionId })) ===
      1
  }
}

function storedCodeOf(row: CodeRow): StoredAuthorizationCode {
  return {
    sessionId: row.session_id,
    code: {
      clientId: row.client_id,
      userId: row.user_id,
      signInId: row.sign_in_id,
      redirectUri: row.redirect_uri,
      codeChallenge: row.code_challenge,
      scopes: row.scopes,
      audience: row.audience,
      nonce: row.nonce,
      authenticatedAtMs: millisecondsOf(row.authenticated_at),
      dpopThumbprint: row.dpop_thumbprint,
      expiresAtMs: millisecondsOf(row.expires_at)
    }
  }
}

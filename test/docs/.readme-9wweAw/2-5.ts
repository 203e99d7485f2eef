import { createHmac, randomBytes } from 'node:crypto'
import Fastify from 'fastify'
import securityContext, { problemDetails, type TokenClient } from '@sallyport/security-context'
import authentication, { sessionRoutes } from '@sallyport/authentication'

// An authorization server for this example only; createTokenClient of @sallyport/token-exchange talks to a real one.
const secret = randomBytes(32).toString('base64')
const sign = (text: string) => `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`
const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
const now = Math.floor(Date.now() / 1000)
const claims = { iss: 'https://issuer.example', aud: 'shop', sub: 'alice', client_id: 'web', jti: '1', iat: now, exp: now + 300 }
const tokens = { accessToken: sign(`${encode({ typ: 'at+jwt', alg: 'HS256' })}.${encode(claims)}`), refreshToken: 'r1', expiresInSeconds: 300, scope: null }
const issue = async () => tokens
const tokenClient: TokenClient = { password: issue, refresh: issue, exchange: issue, clientCredentials: issue, revoke: async () => {} }

const app = Fastify()
await app.register(securityContext)
await app.register(problemDetails)
await app.register(authentication, {
  sharedSecret: { secret, issuer: 'https://issuer.example', audience: 'shop' },
  session: { tokenClient, keys: [{ id: '2026-11', key: randomBytes(32) }] }
})
await app.register(sessionRoutes)

const login = await app.inject({ method: 'POST', url: '/login', payload: { username: 'alice', password: 'correct horse' } })
const cookie = login.cookies.map(({ name, value }) => `${name}=${value}`).join('; ')
console.log((await app.inject({ url: '/session', headers: { cookie } })).json().subject) // alice
console.log((await app.inject({ method: 'POST', url: '/logout', headers: { cookie } })).statusCode) // 403: no proof of the origin
console.log((await app.inject({ method: 'POST', url: '/logout', headers: { cookie, 'x-sallyport-csrf': '1' } })).statusCode) // 204
await app.close()

import tokenExchange, { type TokenExchangeOptions } from '@sallyport/token-exchange'
import Fastify from 'fastify'

const tokens = (accessToken: string) => ({ accessToken, refreshToken: null, expiresInSeconds: 300, scope: null })
// In a real service: createTokenClient({ metadata: () => discoverMetadata({ issuer }), clientId, clientSecret })
const tokenClient = { exchange: async ({ audience }: { audience: string }) => tokens(`a token for ${audience}`) }

const app = Fastify()
app.decorateRequest('accessToken', null) // @sallyport/security-context and @sallyport/authentication do these two lines
app.addHook('onRequest', async request => { request.accessToken = request.headers.authorization?.slice('Bearer '.length) ?? null })
await app.register(tokenExchange, { tokenClient: tokenClient as TokenExchangeOptions['tokenClient'] })
app.get('/', request => request.exchangeToken('order-service'))

const response = await app.inject({ url: '/', headers: { authorization: 'Bearer the-callers-token' } })
console.log(response.body) // a token for order-service
await app.close()

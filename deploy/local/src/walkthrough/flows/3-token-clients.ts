import { asClient, answerMember, demoPassword, type Flow } from '../flow.ts'

/** Tokens that the caller sends: of a user, of a machine, and an opaque one. */
export const tokenClientsFlow: Flow = {
  title: '3. Bearer client, machine client, opaque token',
  run: async (stack, transcript) => {
    const login = await transcript.call({
      method: 'POST',
      url: `${stack.gateway}/login`,
      json: { username: 'customer1', password: demoPassword(stack, 'customer1'), tokens: 'body' }
    })
    const token = String(answerMember(login, 'accessToken'))
    const bearer = await transcript.call({
      url: `${stack.gateway}/orders`,
      headers: { authorization: `Bearer ${token}` }
    })
    transcript.check(bearer.status === 200, 'a bearer token is accepted')
    const tampered = `${token.slice(0, -8)}AAAAAAA${token.slice(-1)}`
    const refused = await transcript.call({
      url: `${stack.gateway}/orders`,
      headers: { authorization: `Bearer ${tampered}` }
    })
    transcript.check(refused.status === 401, 'a tampered one is not')

    const machine = await transcript.call({
      method: 'POST',
      url: `${stack.issuer}/oauth2/token`,
      headers: asClient(stack, 'machine-client'),
      form: { grant_type: 'client_credentials' }
    })
    const machineToken = { authorization: `Bearer ${String(answerMember(machine, 'access_token'))}` }
    transcript.check(
      machine.status === 200 && answerMember(machine, 'refresh_token') === undefined,
      'client credentials: a token, no refresh token'
    )
    const restaurants = await transcript.call({ url: `${stack.gateway}/restaurants`, headers: machineToken })
    transcript.check(restaurants.status === 200, 'the machine reads restaurants')
    const orders = await transcript.call({ url: `${stack.gateway}/orders`, headers: machineToken })
    transcript.check(orders.status === 403, 'and no orders: it has no role')

    const opaque = await transcript.call({
      method: 'POST',
      url: `${stack.issuer}/oauth2/token`,
      headers: asClient(stack, 'opaque-client'),
      form: { grant_type: 'client_credentials' }
    })
    const opaqueToken = String(answerMember(opaque, 'access_token'))
    transcript.check(opaque.status === 200 && !opaqueToken.includes('.'), 'an opaque token says nothing by itself')
    const introspected = await transcript.call({
      url: `${stack.gateway}/restaurants`,
      headers: { authorization: `Bearer ${opaqueToken}` }
    })
    transcript.check(introspected.status === 200, 'and is accepted after introspection')
  }
}

import { asUser, answerMember, type Flow, type Stack } from '../flow.ts'
import type { Transcript } from '../transcript.ts'

/** Basic credentials at the edge; the password is exchanged for tokens once. */
export const apiClientFlow: Flow = {
  title: '1. API client: Basic credentials at the gateway, a JWT behind it',
  run: async (stack, transcript) => {
    const first = await transcript.call({ url: `${stack.gateway}/orders`, headers: asUser(stack, 'customer1') })
    transcript.check(first.status === 200, 'customer1 sees orders')
    const before = await tokenRequests(stack, transcript)
    const second = await transcript.call({ url: `${stack.gateway}/orders`, headers: asUser(stack, 'customer1') })
    transcript.check(second.status === 200, 'the second request is answered')
    transcript.check(
      (await tokenRequests(stack, transcript)) === before,
      'and made no call to the authorization server'
    )
    const wrong = await transcript.call({
      url: `${stack.gateway}/orders`,
      headers: { authorization: `Basic ${Buffer.from('customer1:wrong').toString('base64')}` }
    })
    const unknown = await transcript.call({
      url: `${stack.gateway}/orders`,
      headers: { authorization: `Basic ${Buffer.from('nobody:wrong').toString('base64')}` }
    })
    transcript.check(wrong.status === 401 && unknown.status === 401, 'a wrong password and an unknown user are refused')
    transcript.check(answerMember(wrong, 'code') === answerMember(unknown, 'code'), 'and nobody can tell which it was')
  }
}

/** How many token requests the authorization server has answered. */
async function tokenRequests(stack: Stack, transcript: Transcript): Promise<number> {
  const metrics = await transcript.call({ url: `${stack.operations['auth-server'] ?? ''}/metrics` })
  const lines = String(metrics.body)
    .split('\n')
    .filter(line => line.startsWith('http_server_request_duration_seconds_count') && line.includes('/oauth2/token'))
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
}

import { answerMember, demoPassword, type Flow, type Stack } from '../flow.ts'
import { keepCookies, leadsTo, type PersonsClient } from '../keep-cookies.ts'
import type { Transcript } from '../transcript.ts'

/** Login of a browser at the authorization server: authorization code with PKCE, and the logout at both. */
export const browserLoginFlow: Flow = {
  title: '12. Browser login: authorization code and PKCE at the authorization server',
  run: async (stack, transcript) => {
    const person = keepCookies(transcript)
    const callback = await signInAtIssuer(stack, transcript, person)
    transcript.note('The answer counts in the browser that began the login, once:')
    const elsewhere = await keepCookies(transcript).open(callback)
    transcript.check(elsewhere.status === 400, 'in another browser it logs nobody in')
    const ended = await person.open(callback)
    transcript.check(leadsTo(ended, callback) === `${stack.gateway}/orders`, 'and here it leads to the page')
    const again = await person.open(callback)
    transcript.check(again.status === 400, 'but not twice')

    const orders = await person.open(`${stack.gateway}/orders`)
    transcript.check(Array.isArray(answerMember(orders, 'orders')), 'the orders are there')
    const session = await person.open(`${stack.gateway}/session`, { accept: 'application/json' })
    transcript.check(
      answerMember(session, 'username') === 'customer1' &&
        answerMember(session, 'login', 'method') === 'issuer' &&
        answerMember(session, 'login', 'amr', 0) === 'pwd',
      'the session says who it is, and how they logged in'
    )
    await logOutAtBoth(stack, transcript, person)
  }
}

/** From a page to the issuer's answer; gives the address that it leads to. */
async function signInAtIssuer(stack: Stack, transcript: Transcript, person: PersonsClient): Promise<string> {
  const { gateway, issuer } = stack
  const script = await transcript.call({ url: `${gateway}/orders`, headers: { 'sec-fetch-mode': 'cors' } })
  transcript.check(
    script.status === 401 && answerMember(script, 'login') === '/login',
    'a script is told where to log in, and not redirected'
  )
  const asked = await person.open(`${gateway}/orders`)
  const login = leadsTo(asked, gateway)
  transcript.check(
    asked.status === 303 && login === `${gateway}/login?returnTo=%2Forders`,
    'a browser that asks for a page is sent there'
  )
  const begun = await person.open(login)
  const authorize = new URL(leadsTo(begun, login))
  transcript.check(
    authorize.origin === issuer && [...authorize.searchParams.keys()].sort().join(' ') === 'client_id request_uri',
    'the request is pushed: the browser takes a reference to the issuer, and a sealed cookie of this login with it'
  )
  const page = await person.open(authorize.href)
  transcript.check(page.status === 200, 'the issuer asks who this is')
  const credentials = { username: 'customer1', password: demoPassword(stack, 'customer1') }
  const answered = await person.submit(authorize.href, page, credentials)
  const callback = leadsTo(answered, issuer)
  transcript.check(
    callback.startsWith(`${gateway}/login/callback?`) && new URL(callback).searchParams.get('iss') === issuer,
    'and answers with a code and its own name; its own gateway needs no consent'
  )
  return callback
}

async function logOutAtBoth({ gateway, issuer }: Stack, transcript: Transcript, person: PersonsClient): Promise<void> {
  const page = await person.open(`${gateway}/session`)
  const left = await person.submit(gateway, page, { returnTo: '/orders' })
  const leaving = leadsTo(left, gateway)
  transcript.check(leaving.startsWith(`${issuer}/oauth2/end-session?`), 'a logout goes on to the issuer')
  const question = await person.open(leaving)
  const confirmed = await person.submit(leaving, question, {})
  const back = await person.open(leadsTo(confirmed, leaving))
  transcript.check(leadsTo(back, gateway) === `${gateway}/orders`, 'which asks, and leads back')
  const after = await person.open(`${gateway}/orders`)
  transcript.check(leadsTo(after, gateway).startsWith(`${gateway}/login?`), 'nobody is logged in any more')
}

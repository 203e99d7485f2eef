import { cookiesOf, answerMember, demoPassword, type Flow } from '../flow.ts'
import type { CallAnswer } from '../transcript.ts'

/** Login with sealed cookies, silent refresh, logout; then the same with tokens in the body. */
export const loginClientFlow: Flow = {
  title: '2. Login client: sealed cookies, silent refresh, logout',
  run: async (stack, transcript) => {
    const credentials = { username: 'customer1', password: demoPassword(stack, 'customer1') }
    const csrf = { 'x-sallyport-csrf': '1' }
    const login = await transcript.call({ method: 'POST', url: `${stack.gateway}/login`, json: credentials })
    transcript.check(login.status === 200 && cookiesOf(login).includes('sallyport-refresh='), 'login sets the cookies')
    transcript.check(
      [login.headers['set-cookie'] ?? []].flat().every(cookie => /HttpOnly/i.test(cookie)),
      'which no script can read'
    )
    const form = await transcript.call({ method: 'POST', url: `${stack.gateway}/login`, form: credentials })
    transcript.check(form.status === 200, 'a form logs in as well')

    const session = await transcript.call({ url: `${stack.gateway}/session`, headers: { cookie: cookiesOf(login) } })
    transcript.check(
      session.status === 200 && Array.isArray(answerMember(session, 'roles')),
      'the session says who it is'
    )

    transcript.note('A browser drops the access cookie when the token expires; the refresh cookie alone is enough:')
    const refreshed = await transcript.call({ url: `${stack.gateway}/orders`, headers: { cookie: onlyRefresh(login) } })
    transcript.check(
      refreshed.status === 200 && cookiesOf(refreshed).includes('sallyport-access='),
      'silent refresh: the answer, and new cookies with it'
    )

    const logout = await transcript.call({
      method: 'POST',
      url: `${stack.gateway}/logout`,
      headers: { cookie: cookiesOf(refreshed), ...csrf }
    })
    transcript.check(logout.status === 204, 'logout')
    const after = await transcript.call({ url: `${stack.gateway}/orders`, headers: { cookie: onlyRefresh(refreshed) } })
    transcript.check(after.status === 401, 'the old refresh cookie has stopped working')

    transcript.note('A client that cannot hold cookies:')
    const body = await transcript.call({
      method: 'POST',
      url: `${stack.gateway}/login`,
      json: { ...credentials, tokens: 'body' }
    })
    const renewed = await transcript.call({
      method: 'POST',
      url: `${stack.gateway}/session/refresh`,
      json: { refreshToken: answerMember(body, 'refreshToken') }
    })
    transcript.check(
      renewed.status === 200 && typeof answerMember(renewed, 'accessToken') === 'string',
      'tokens in the body, renewed'
    )
    const ended = await transcript.call({
      method: 'POST',
      url: `${stack.gateway}/logout`,
      json: { refreshToken: answerMember(renewed, 'refreshToken') }
    })
    transcript.check(ended.status === 204, 'and revoked')
  }
}

/** The `Cookie` header after the access cookie has expired in the browser. */
function onlyRefresh(answer: CallAnswer): string {
  return cookiesOf(answer)
    .split('; ')
    .filter(cookie => cookie.includes('sallyport-refresh'))
    .join('; ')
}

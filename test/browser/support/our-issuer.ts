import { follow, signIn, type Account } from './person.ts'
import type { TriedIssuer } from './tried-issuer.ts'

/** What a person does at the pages of our authorization server, wherever it runs. */
export function atOurIssuer(
  issuer: string,
  account: Account
): Omit<TriedIssuer, 'gateway' | 'caFile' | 'signInLongAgo' | 'endAccess' | 'isRenewed'> {
  const strong = 'a page that asks for a stronger login is reached with one, and with no other'
  const confirm = 'form[action$="/confirm"] button'
  return {
    issuer,
    signIn: async page => await signIn(page, account),
    signInStrongly: async () => {
      throw new Error('not here')
    },
    asksWhoThisIs: async page => page.url().startsWith(issuer) && (await page.isVisible('#password')),
    confirmLogout: async page => await follow(page, confirm),
    async logOutAtIssuer(page) {
      await page.goto(`${issuer}/oauth2/end-session`)
      await follow(page, confirm)
    },
    without: { [strong]: 'our authorization server knows one way to log in, and no acr' }
  }
}

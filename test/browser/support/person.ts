import type { Stack } from '@sallyport/local'
import type { Page } from 'playwright-core'

/** The screen of a small phone. */
export const PHONE = { width: 360, height: 640 }

/** Who logs in. */
export interface Account {
  readonly username: string
  readonly password: string
}

/** A demo account of the stack. */
export function demoAccount({ users }: Stack, username: string): Account {
  const found = users.find(user => user.username === username)
  if (found === undefined) throw new Error(`there is no ${username}`)
  return found
}

/** Fills in the sign-in page of our authorization server, and sends it. */
export async function signIn(page: Page, account: Account): Promise<void> {
  await page.fill('#username', account.username)
  await page.fill('#password', account.password)
  await follow(page, 'form[action$="/oauth2/authorize/login"] button[type=submit]')
}

/** Clicks what leads to another page, and waits for that. */
export async function follow(page: Page, selector: string): Promise<void> {
  await Promise.all([page.waitForEvent('load'), page.click(selector)])
}

/** The JSON that the browser shows. */
export async function shownJson(page: Page): Promise<unknown> {
  return JSON.parse((await page.textContent('pre')) ?? '')
}

/** The text of the page that is shown. */
export async function shownText(page: Page): Promise<string> {
  return (await page.textContent('main')) ?? ''
}

/** The browser without its access token, as when that has expired: only the refresh token is left. */
export async function loseAccessToken(page: Page): Promise<void> {
  await page.context().clearCookies({ name: /sallyport-access/ })
}

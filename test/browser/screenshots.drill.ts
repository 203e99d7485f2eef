// Writes docs/images: `npm run screenshots`, after a change of the pages. Not part of verify.
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import t from 'tap'
import { ROOT } from '../support/packages.ts'
import { missingChromium, startChromium } from './support/chromium.ts'
import { startLocalStack } from './support/local-stack.ts'
import { demoAccount, follow, PHONE, signIn } from './support/person.ts'

t.test('pages of the local stack are written to docs/images', { skip: missingChromium() }, async t => {
  const stack = await startLocalStack(t)
  const { asPerson } = await startChromium(t, stack.caFile)
  const customer = demoAccount(stack, 'customer1')
  const write = async (page: Page, name: string): Promise<void> => {
    await page.screenshot({ path: join(ROOT, 'docs/images', `${name}.png`) })
    t.pass(name)
  }
  await asPerson({ viewport: PHONE }, async page => {
    await page.goto(`${stack.gateway}/app`)
    await write(page, 'app-login')
    await follow(page, 'a[href^="/login?"]')
    await write(page, 'sign-in')
    await signIn(page, customer)
    await write(page, 'app-orders')
  })
  await asPerson({ viewport: PHONE, colorScheme: 'dark', locale: 'ko' }, async page => {
    await page.goto(`${stack.gateway}/app`)
    await follow(page, 'a[href^="/login?"]')
    await write(page, 'sign-in-ko-dark')
    await signIn(page, customer)
    await page.goto(`${stack.gateway}/session`)
    await write(page, 'session-ko-dark')
  })
})

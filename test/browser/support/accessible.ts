import axe from 'axe-core'
import type { Page } from 'playwright-core'

/**
 * What axe finds wrong with the page that is shown, one line each. It sees colours as they are drawn, so it is asked
 * once in each colour scheme.
 */
async function accessibilityMistakes(page: Page): Promise<string[]> {
  // Past the page's own policy, which lets no script in.
  await page.evaluate(axe.source)
  const found: string[] = []
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme })
    const { violations } = await page.evaluate('axe.run(document, { resultTypes: ["violations"] })').then(readResults)
    for (const { id, nodes } of violations) {
      found.push(`${colorScheme}: ${id} at ${nodes.map(({ target }) => target.join(' ')).join(', ')}`)
    }
  }
  return found
}

/**
 * What is wrong with the page that is shown: what axe finds, a page that is wider than its screen, and one that is as
 * bright in the dark.
 */
export async function pageMistakes(page: Page): Promise<string[]> {
  const mistakes = await accessibilityMistakes(page)
  if (await isWiderThanScreen(page)) mistakes.push(`${page.url()} is wider than the screen`)
  const [light, dark] = [await backgroundIn(page, 'light'), await backgroundIn(page, 'dark')]
  return light === dark ? [...mistakes, `${page.url()} is ${light} in the dark too`] : mistakes
}

async function backgroundIn(page: Page, colorScheme: 'light' | 'dark'): Promise<string> {
  await page.emulateMedia({ colorScheme })
  return String(await page.evaluate('getComputedStyle(document.body).backgroundColor'))
}

/** Whether a narrow screen would have to be moved sideways. */
async function isWiderThanScreen(page: Page): Promise<boolean> {
  return (await page.evaluate('document.documentElement.scrollWidth > window.innerWidth')) === true
}

interface AxeResults {
  readonly violations: ReadonlyArray<{ id: string; nodes: ReadonlyArray<{ target: readonly string[] }> }>
}

const readResults = (value: unknown): AxeResults => value as AxeResults

import axe from 'axe-core'
import type { Page } from 'playwright-core'

/**
 * What axe finds wrong with the page that is shown, one line each. It sees colours as they are drawn, so it is asked
 * once in each colour scheme.
 */
export async function accessibilityMistakes(page: Page): Promise<string[]> {
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

/** Whether a narrow screen would have to be moved sideways. */
export async function isWiderThanScreen(page: Page): Promise<boolean> {
  return (await page.evaluate('document.documentElement.scrollWidth > window.innerWidth')) === true
}

interface AxeResults {
  readonly violations: ReadonlyArray<{ id: string; nodes: ReadonlyArray<{ target: readonly string[] }> }>
}

const readResults = (value: unknown): AxeResults => value as AxeResults

/** The languages that the pages are written in. */
export const PAGE_LANGUAGES = ['en', 'ko'] as const

/** One of {@link PAGE_LANGUAGES}. */
export type PageLanguage = (typeof PAGE_LANGUAGES)[number]

const MOST_LANGUAGES = 10
const LANGUAGE_RANGE = /^[a-z]{1,8}(?:-[a-z0-9]{1,8})*$/

/**
 * The languages that a person reads, the best first: those that the application asks for, then those of the browser.
 * @param uiLocales tags separated by spaces
 * @see OpenID Connect Core 1.0 §3.1.2.1, RFC 9110 §12.5.4
 */
export function languagesOf(uiLocales: string | null, acceptLanguage: string | undefined): readonly string[] {
  const asked = (uiLocales ?? '').split(' ')
  const accepted = (acceptLanguage ?? '')
    .split(',')
    .slice(0, MOST_LANGUAGES)
    .map(range => {
      const [tag = '', weight = ''] = range.split(';').map(part => part.trim())
      return { tag, weight: weight.startsWith('q=') ? Number(weight.slice(2)) : 1 }
    })
    .filter(({ weight }) => weight > 0)
    .sort((a, b) => b.weight - a.weight)
    .map(({ tag }) => tag)
  return [...asked.slice(0, MOST_LANGUAGES), ...accepted]
    .map(tag => tag.toLowerCase())
    .filter(tag => LANGUAGE_RANGE.test(tag))
}

/**
 * The best language that pages are written in, English when a person reads none of them.
 * @param languages as {@link languagesOf} gives them: `ko-kr` is served by `ko`
 * @see RFC 4647 §3.4
 */
export function pageLanguage(languages: readonly string[]): PageLanguage {
  for (const wanted of languages) {
    const [primary] = wanted.split('-')
    const found = PAGE_LANGUAGES.find(language => language === primary)
    if (found !== undefined) return found
  }
  return 'en'
}

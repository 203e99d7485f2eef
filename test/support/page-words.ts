import { PAGE_LANGUAGES, type PageLanguage } from '@sallyport/security-context/pages'

/** What is wrong with the words of pages: one language lacks a word, has an empty one, or one of another language. */
export function pageWordMistakes(tables: Readonly<Record<PageLanguage, object>>): string[] {
  const words = Object.keys(tables.en).sort()
  return PAGE_LANGUAGES.flatMap(language => {
    const texts = Object.entries(tables[language]).map(([word, text]) => [word, filledIn(text)] as const)
    const own = texts.map(([word]) => word).sort()
    return [
      ...(own.join() === words.join() ? [] : [`${language}: ${own.join()} instead of ${words.join()}`]),
      ...texts
        .filter(([, text]) => text === '' || (language === 'ko' && !/\p{Script=Hangul}/u.test(text)))
        .map(([word, text]) => `${language}: ${word} is ${JSON.stringify(text)}`)
    ]
  })
}

/** A sentence with names in it. */
function filledIn(text: unknown): string {
  const value: unknown = typeof text === 'function' ? text('x', 'y') : text
  return typeof value === 'object' && value !== null && 'text' in value ? String(value.text) : String(value)
}

import type { Store } from '../../store/contract.ts'

/** A scope as the consent page shows it. */
export interface DescribedScope {
  readonly name: string
  /** `null`: nobody has described it. */
  readonly description: { readonly language: string; readonly text: string } | null
}

const FALLBACK_LANGUAGE = 'en'
const MOST_LANGUAGES = 10
const LANGUAGE_RANGE = /^[a-z]{1,8}(?:-[a-z0-9]{1,8})*$/

const PROTOCOL_DESCRIPTIONS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  openid: { en: 'Recognise you' },
  profile: { en: 'Read your user name' }
}

/**
 * The languages that a user reads, the best first: those that the application asks for, then those of the browser.
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

/** What these scopes are to the user, in the best language that they are described in. */
export async function describeScopes(
  { scopes: store }: Pick<Store, 'scopes'>,
  audience: string,
  scopes: readonly string[],
  languages: readonly string[]
): Promise<readonly DescribedScope[]> {
  const known = new Map((await store.ofAudience(audience)).map(({ name, descriptions }) => [name, descriptions]))
  return scopes.map(name => ({
    name,
    description: bestDescription(known.get(name) ?? PROTOCOL_DESCRIPTIONS[name] ?? {}, languages)
  }))
}

/** By lookup: `de-at` is served by `de`. English otherwise, or whatever there is. @see RFC 4647 §3.4 */
function bestDescription(
  descriptions: Readonly<Record<string, string>>,
  languages: readonly string[]
): DescribedScope['description'] {
  for (const wanted of [...languages, FALLBACK_LANGUAGE]) {
    const parts = wanted.split('-')
    for (let length = parts.length; length > 0; length--) {
      const language = parts.slice(0, length).join('-')
      const text = Object.hasOwn(descriptions, language) ? descriptions[language] : undefined
      if (text !== undefined) return { language, text }
    }
  }
  const [first] = Object.entries(descriptions).sort(([a], [b]) => (a < b ? -1 : 1))
  return first === undefined ? null : { language: first[0], text: first[1] }
}

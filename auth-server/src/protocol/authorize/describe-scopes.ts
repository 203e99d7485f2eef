import type { Store } from '../../store/contract.ts'

/** A scope as the consent page shows it. */
export interface DescribedScope {
  readonly name: string
  /** `null`: nobody has described it. */
  readonly description: { readonly language: string; readonly text: string } | null
}

const FALLBACK_LANGUAGE = 'en'

const PROTOCOL_DESCRIPTIONS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  openid: { en: 'Recognise you', ko: '회원님이 누구인지 확인' },
  profile: { en: 'Read your user name', ko: '사용자 이름 읽기' }
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

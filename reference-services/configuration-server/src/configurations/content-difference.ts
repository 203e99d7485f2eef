import { canonicalJson, type JsonValue } from '@sallyport/security-context/mechanics'
import type { ConfigurationContent } from './configuration-content.ts'

/** What stands for a secret. */
export const SECRET_MASK = '[secret]'

/** What changed between two contents, by property; secrets are masked. */
export interface ContentDifference {
  readonly added: Readonly<Record<string, JsonValue>>
  readonly removed: Readonly<Record<string, JsonValue>>
  readonly changed: Readonly<Record<string, { readonly before: JsonValue; readonly after: JsonValue }>>
}

/** Compares two contents. A secret that became a value, or the other way round, has changed. */
export function contentDifference(before: ConfigurationContent, after: ConfigurationContent): ContentDifference {
  const [old, now] = [maskedProperties(before), maskedProperties(after)]
  const changed = [...now].flatMap(([name, { text, masked }]) => {
    const earlier = old.get(name)
    if (earlier === undefined || earlier.text === text) return []
    return [[name, { before: earlier.masked, after: masked }] as const]
  })
  return { added: onlyIn(now, old), removed: onlyIn(old, now), changed: Object.fromEntries(changed) }
}

/** Whether nothing differs. */
export function isSameContent(before: ConfigurationContent, after: ConfigurationContent): boolean {
  return Object.values(contentDifference(before, after)).every(part => Object.keys(part).length === 0)
}

interface MaskedProperty {
  /** To compare; never shown. */
  readonly text: string
  readonly masked: JsonValue
}

function maskedProperties({ values, secrets }: ConfigurationContent): ReadonlyMap<string, MaskedProperty> {
  return new Map<string, MaskedProperty>([
    ...[...values].map(([name, value]) => [name, { text: `v${canonicalJson(value)}`, masked: value }] as const),
    ...[...secrets].map(([name, value]) => [name, { text: `s${canonicalJson(value)}`, masked: SECRET_MASK }] as const)
  ])
}

function onlyIn(
  one: ReadonlyMap<string, MaskedProperty>,
  other: ReadonlyMap<string, MaskedProperty>
): Record<string, JsonValue> {
  return Object.fromEntries([...one].filter(([name]) => !other.has(name)).map(([name, { masked }]) => [name, masked]))
}

/** What a user agent contains, the name that people know it by; the first that is found counts. */
const BROWSERS: ReadonlyArray<readonly [mark: string, name: string]> = [
  ['Edg/', 'Edge'],
  ['EdgA/', 'Edge'],
  ['EdgiOS/', 'Edge'],
  ['OPR/', 'Opera'],
  ['SamsungBrowser/', 'Samsung Internet'],
  ['Firefox/', 'Firefox'],
  ['FxiOS/', 'Firefox'],
  ['CriOS/', 'Chrome'],
  ['HeadlessChrome/', 'Chrome'],
  ['Chrome/', 'Chrome'],
  ['Safari/', 'Safari']
]

const SYSTEMS: ReadonlyArray<readonly [mark: string, name: string]> = [
  ['iPhone', 'iPhone'],
  ['iPad', 'iPad'],
  ['Android', 'Android'],
  ['Windows', 'Windows'],
  ['CrOS', 'ChromeOS'],
  ['Macintosh', 'macOS'],
  ['Linux', 'Linux']
]

const LONGEST_LOOK = 512
/** Of a program that is no browser: `curl/8.11.0`. @see RFC 9110 §10.1.5 */
const PRODUCT = /^[A-Za-z][A-Za-z0-9._-]{0,30}(?=\/|$)/

/** The parts of a name that people recognise their device by; both `null` when it tells nothing. */
export interface DeviceName {
  readonly browser: string | null
  readonly system: string | null
}

/**
 * Finds out what people call the device of a user agent. What it says is of the caller's choice: nothing but words of
 * these tables, or the name of a product, comes out.
 */
export function deviceName(userAgent: string | null): DeviceName {
  const text = (userAgent ?? '').slice(0, LONGEST_LOOK)
  const found = (table: typeof BROWSERS): string | null => table.find(([mark]) => text.includes(mark))?.[1] ?? null
  const isBrowser = text.startsWith('Mozilla/')
  return { browser: isBrowser ? found(BROWSERS) : (PRODUCT.exec(text)?.[0] ?? null), system: found(SYSTEMS) }
}

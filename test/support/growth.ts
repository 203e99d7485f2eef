/** The two sizes of a text, in characters; what reads it once takes a hundred times as long for the larger. */
export const SMALL = 160
export const LARGE = 16_000
/** What costs the square of the length takes ten thousand times as long. */
export const MOST = 300
/** A text that is done at once is not measured more exactly than this, in µs of user CPU. */
const FLOOR_US = 50
const TRIES = 3

/**
 * Texts that are hard for one way of reading or another: each is repeated to a length, with what may make it fail at
 * its end.
 */
export const SHAPES: Readonly<Record<string, (length: number) => string>> = {
  letters: length => 'a'.repeat(length),
  'letters and a failure at the end': length => `${'a'.repeat(length - 1)}!`,
  digits: length => '1'.repeat(length),
  spaces: length => `${' '.repeat(length - 1)}x`,
  'equals signs': length => '='.repeat(length),
  'query marks and percent signs': length => '?%'.repeat(length / 2),
  'percent-encoded': length => '%41'.repeat(length / 3),
  'percent-encoded percent signs': length => '%25'.repeat(length / 3),
  parameters: length => 'a=b&'.repeat(length / 4),
  'secret parameters': length => 'code=1&'.repeat(length / 7),
  cookies: length => 'a=b; '.repeat(length / 5),
  commas: length => 'a, '.repeat(length / 3),
  dots: length => '.'.repeat(length),
  'dotted words': length => 'ab.'.repeat(length / 3),
  'beginnings of JWTs': length => '-eyJ'.repeat(length / 4),
  'beginnings of JWTs with dots': length => 'eyJhbGciOiJFUzI1NiJ9.'.repeat(length / 21),
  quotes: length => '"'.repeat(length),
  'quoted quotes': length => '\\"'.repeat(length / 2),
  backslashes: length => '\\'.repeat(length),
  'opened objects': length => '{"a":'.repeat(length / 5),
  'opened arrays': length => '['.repeat(length),
  schemes: length => 'Basic '.repeat(length / 6),
  'scheme and spaces': length => `Bearer${' '.repeat(length - 6)}`,
  slashes: length => '/'.repeat(length),
  'dot segments': length => '/..'.repeat(length / 3),
  credentials: length => '://a@'.repeat(length / 5),
  colons: length => '1:'.repeat(length / 2),
  'surrogates and dots above': length => '\u0130\ud800'.repeat(length / 2)
}

/** One function that reads a stranger's text; its refusals are none of this test's business. */
export type ReadText = (text: string) => unknown

/**
 * How many times as long the large text takes, in user CPU, at the best of a few tries: other work of the machine can
 * only add to a measurement.
 * @param repeats of the small text, whose time is a mean
 */
export async function growthOf(read: ReadText, shape: (length: number) => string, repeats = 10): Promise<number> {
  const [small, large] = [shape(SMALL), shape(LARGE)]
  let best = Number.POSITIVE_INFINITY
  for (let attempt = 0; attempt < TRIES && best > MOST; attempt++) {
    await cpuOf(read, small, repeats)
    const expected = Math.max(FLOOR_US, await cpuOf(read, small, repeats))
    best = Math.min(best, (await cpuOf(read, large, 1)) / expected)
  }
  return best
}

async function cpuOf(read: ReadText, text: string, repeats: number): Promise<number> {
  const before = process.cpuUsage()
  for (let i = 0; i < repeats; i++) {
    try {
      await read(text)
    } catch {
      // It refuses the text.
    }
  }
  return process.cpuUsage(before).user / repeats
}

/** One step: a script of package.json with its arguments. */
export type Step = readonly [script: string, ...args: string[]]

/** What reads the sources, or a copy of them: mostly one process each, which does nothing but compute. */
const SOURCES: readonly Step[] = [
  ['typecheck'],
  ['lint'],
  ['test:types'],
  ['directions'],
  ['check:expressions'],
  ['check:names'],
  ['check:unused'],
  ['check:duplicates'],
  ['check:packages'],
  ['changes', '--together'],
  ['test:checks']
]

/**
 * Stages one after another; in each, lanes beside each other, and in each lane steps one after another. What is
 * measured against limits runs alone: the drills, and the tests, which use all cores by themselves.
 */
export const STAGES: ReadonlyArray<ReadonlyArray<readonly Step[]>> = [
  [SOURCES, [['test:adoption'], ['test:browser']]],
  [[['test:drills'], ['test'], ['test', '--again']]]
]

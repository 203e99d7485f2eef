/** Value below which the share `q` of the sorted values lies, by nearest rank. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? Number.NaN
}

/** Rounded to one decimal. */
export const rounded = (value: number): number => Math.round(value * 10) / 10

/** Probability that a random value of `a` is greater than one of `b`: 0.5 when they cannot be told apart. */
export function areaUnderCurve(a: readonly number[], b: readonly number[]): number {
  let greater = 0
  for (const x of a) for (const y of b) greater += x > y ? 1 : x === y ? 0.5 : 0
  return greater / (a.length * b.length)
}

const MILLISECONDS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/**
 * Rules of Prometheus whose times are shorter: how long an alert waits (`for`), and the ranges and offsets of its
 * expression. What an expression compares stays: it is about the process.
 * @param speed 60 turns an hour into a minute
 */
export function scaleRules(rules: string, speed: number): string {
  return rules.replace(
    /(\bfor: |\[|\boffset )(\d+)(ms|s|m|h|d)\b/g,
    (_, before: string, count: string, unit: keyof typeof MILLISECONDS) =>
      `${before}${Math.max(1, Math.round((Number(count) * MILLISECONDS[unit]) / speed))}ms`
  )
}

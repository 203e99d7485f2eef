// What an expression of PromQL names. It is read as far as that needs; promtool checks that it is valid.

/** A matcher of a label: `{outcome="denied"}`. */
export interface LabelMatcher {
  readonly label: string
  readonly operator: string
  readonly value: string
}

/** What an expression names. */
export interface PromqlNames {
  /** Metrics, each with the matchers of its labels. */
  readonly selectors: ReadonlyArray<{ readonly metric: string; readonly matchers: readonly LabelMatcher[] }>
  /** Labels by which it groups or joins; those that it makes by itself are left out. */
  readonly grouped: readonly string[]
}

const TOKEN = /\[[^\]]*\]|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[A-Za-z_:][\w:]*|[\d.]+\w*|[=!~<>]+|[^\s]/g
const LABEL_LISTS = new Set(['by', 'without', 'on', 'ignoring', 'group_left', 'group_right'])
const WORDS = new Set(['and', 'or', 'unless', 'offset', 'bool', 'inf', 'nan'])
const IDENTIFIER = /^[A-Za-z_:]/

/** Reads an expression. Grafana's variables (`$process`) are labels' values and durations only. */
export function readPromql(expression: string): PromqlNames {
  const tokens: readonly string[] = expression.match(TOKEN) ?? []
  const selectors: Array<PromqlNames['selectors'][number]> = []
  const grouped = new Set<string>()
  const made = new Set<string>()
  for (let at = 0; at < tokens.length; at++) {
    const token = tokens[at] ?? ''
    if (token === 'label_replace') made.add(labelThatIsMade(tokens, at))
    if (!IDENTIFIER.test(token) || WORDS.has(token)) continue
    const next = tokens[at + 1]
    if (LABEL_LISTS.has(token)) {
      const end = tokens.indexOf(')', at)
      for (const label of tokens.slice(at + 2, end)) if (IDENTIFIER.test(label)) grouped.add(label)
      at = end
    } else if (next === '{') {
      const end = tokens.indexOf('}', at)
      selectors.push({ metric: token, matchers: readMatchers(tokens.slice(at + 2, end)) })
      at = end
    } else if (next !== '(' && next !== 'by' && next !== 'without') selectors.push({ metric: token, matchers: [] })
  }
  return { selectors, grouped: [...grouped].filter(label => !made.has(label)) }
}

function readMatchers(tokens: readonly string[]): LabelMatcher[] {
  const matchers: LabelMatcher[] = []
  for (let at = 0; at + 2 < tokens.length; at += 4) {
    const [label = '', operator = '', value = ''] = tokens.slice(at, at + 3)
    matchers.push({ label, operator, value: value.slice(1, -1) })
  }
  return matchers
}

/** The second argument of `label_replace`: the first text after the vector, at the depth of the call. */
function labelThatIsMade(tokens: readonly string[], call: number): string {
  let depth = 0
  for (const token of tokens.slice(call + 1)) {
    if (token === '(') depth++
    if (token === ')') depth--
    if (depth === 1 && token.startsWith('"')) return token.slice(1, -1)
  }
  return ''
}

/** A statement as a collector may see it. */
export interface StatementDescription {
  /** Operations and what they are about, of few different values: `SELECT orders`. */
  readonly summary: string
  /** The text with placeholders, and without values that somebody has written into it. */
  readonly text: string
}

const LONGEST_SUMMARY = 255
const MOST_REMEMBERED = 500
const OPERATIONS = new Set(['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'MERGE'])
/** `for update`, `for no key update` and `on conflict … do update` update nothing of their own. */
const BEFORE_NO_OPERATION = new Set(['FOR', 'KEY', 'DO', 'ON', 'OF'])
const BEFORE_TARGET = new Set(['FROM', 'JOIN', 'INTO', 'UPDATE'])
const SQL_TOKEN = /"[^"]*"(?:\."[^"]*")*|'[^']*'|[\w.$]+|[(),;]/g
const TABLE_NAME = /^["A-Za-z_]["\w.$]*$/

/**
 * Describes statements, and remembers those that it has described: a program has few different ones.
 * @see OpenTelemetry semantic conventions, Generating a summary of the query
 */
export function createStatementDescriber(): (sql: string) => StatementDescription {
  const known = new Map<string, StatementDescription>()
  return sql => {
    const found = known.get(sql)
    if (found !== undefined) return found
    const description = { summary: summaryOfStatement(sql), text: withoutLiterals(sql) }
    // Lists of different lengths make different texts of one statement.
    if (known.size >= MOST_REMEMBERED) known.clear()
    known.set(sql, description)
    return description
  }
}

function summaryOfStatement(sql: string): string {
  const parts: string[] = []
  const depths: number[] = []
  let depth = 0
  let previous = ''
  for (const [token] of sql.matchAll(SQL_TOKEN)) {
    const word = token.toUpperCase()
    const isOperation = parts.length === 0 || (OPERATIONS.has(word) && !BEFORE_NO_OPERATION.has(previous))
    if (token === '(') depth++
    else if (token === ')') depth--
    else if (isOperation) {
      parts.push(word)
      depths.push(depth)
    } else if (BEFORE_TARGET.has(previous) && depths.at(-1) === depth && TABLE_NAME.test(token)) {
      parts.push(token.replaceAll('"', ''))
    }
    // What follows `is distinct from` is a value, and what follows `for update` no table.
    const isNoMark = (word === 'FROM' && previous === 'DISTINCT') || (word === 'UPDATE' && !isOperation)
    previous = isNoMark ? '' : word
  }
  return parts.join(' ').slice(0, LONGEST_SUMMARY) || 'QUERY'
}

/** @see OpenTelemetry semantic conventions, Sanitization of db.query.text */
function withoutLiterals(sql: string): string {
  return sql.includes("'") ? sql.replaceAll(/'[^']*'/g, '?') : sql
}

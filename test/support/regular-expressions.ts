// Finds every regular expression of the sources, and says which of them a text can make slow.
import { createRequire } from 'node:module'
import ts from 'typescript'

/** A regular expression, and where it stands. */
export interface Expression {
  readonly source: string
  readonly flags: string
  readonly place: string
}

/** What is wrong with one: it can be attacked, or nobody can tell. */
export interface Finding {
  readonly place: string
  readonly expression: string
  readonly why: string
}

interface Diagnostics {
  readonly status: 'safe' | 'vulnerable' | 'unknown'
  readonly complexity?: { summary: string }
  readonly attack?: { pattern: string }
  readonly error?: { kind: string }
}
type CheckSync = (
  source: string,
  flags: string,
  parameters: { timeout: number; checker?: string; randomSeed: number }
) => Diagnostics

/** recheck in JavaScript: its default is a binary of each platform. */
const { checkSync } = createRequire(import.meta.url)('recheck/lib/browser.js') as { checkSync: CheckSync }
const TIMEOUT_MS = 60_000

/**
 * The literals, `RegExp(…)` and JSON Schema `pattern:` of a TypeScript file. What is put together at run time cannot be
 * read and is listed with `null` as its source.
 */
export function expressionsIn(
  file: string,
  text: string
): Array<Expression | { readonly source: null; readonly place: string }> {
  const parsed = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true)
  const constants = new Map<string, ts.Expression>()
  const found: ReturnType<typeof expressionsIn> = []
  const placeOf = (node: ts.Node): string => `${file}:${parsed.getLineAndCharacterOfPosition(node.getStart()).line + 1}`

  const textOf = (node: ts.Expression | undefined): string | null => {
    if (node === undefined) return ''
    if (ts.isStringLiteralLike(node)) return node.text
    return ts.isIdentifier(node) && constants.has(node.text) ? textOf(constants.get(node.text)) : null
  }
  const add = (node: ts.Node, source: string | null, flags: string | null): void => {
    found.push(
      source === null || flags === null
        ? { source: null, place: placeOf(node) }
        : { source, flags, place: placeOf(node) }
    )
  }
  const visit = (node: ts.Node): void => {
    if (
      ts.isVariableDeclaration(node) &&
      ts.isIdentifier(node.name) &&
      node.initializer !== undefined &&
      ts.isStringLiteralLike(node.initializer)
    ) {
      constants.set(node.name.text, node.initializer)
    }
    if (ts.isRegularExpressionLiteral(node)) {
      const end = node.text.lastIndexOf('/')
      add(node, node.text.slice(1, end), node.text.slice(end + 1))
    } else if (
      (ts.isNewExpression(node) || ts.isCallExpression(node)) &&
      ts.isIdentifier(node.expression) &&
      node.expression.text === 'RegExp'
    ) {
      add(node, textOf(node.arguments?.[0]), textOf(node.arguments?.[1]))
    } else if (ts.isPropertyAssignment(node) && ts.isIdentifier(node.name) && node.name.text === 'pattern') {
      // Ajv compiles patterns with this flag.
      add(node, textOf(node.initializer), 'u')
    }
    ts.forEachChild(node, visit)
  }
  visit(parsed)
  return found
}

/** `pattern` and the keys of `patternProperties` of a JSON Schema, at any depth. */
export function expressionsInSchema(file: string, schema: unknown, pointer = ''): Expression[] {
  if (typeof schema !== 'object' || schema === null) return []
  return Object.entries(schema).flatMap(([key, value]: [string, unknown]) => {
    const place = `${pointer}/${key}`
    const own =
      key === 'pattern' && typeof value === 'string'
        ? [value]
        : key === 'patternProperties' && typeof value === 'object' && value !== null
          ? Object.keys(value)
          : []
    return [
      ...own.map(source => ({ source, flags: 'u', place: `${file}#${place}` })),
      ...expressionsInSchema(file, value, place)
    ]
  })
}

/** Checks expressions, each only once; an expression of which nobody can tell is a finding too. */
export function findSlow(expressions: ReturnType<typeof expressionsIn>): Finding[] {
  const findings: Finding[] = []
  const known = new Map<string, string | null>()
  for (const { place, ...expression } of expressions) {
    if (expression.source === null) {
      findings.push({ place, expression: '?', why: 'it is put together at run time and cannot be checked' })
      continue
    }
    const { source, flags } = expression
    const written = `/${source}/${flags}`
    if (!known.has(written)) known.set(written, slownessOf(source, flags))
    const why = known.get(written)
    if (why !== null && why !== undefined) findings.push({ place, expression: written, why })
  }
  return findings
}

function slownessOf(source: string, flags: string): string | null {
  const { status, complexity, attack, error } = checkSync(source, flags, { timeout: TIMEOUT_MS, randomSeed: 1 })
  if (status === 'safe') return null
  if (status === 'vulnerable') return `${complexity?.summary ?? 'slow'} for ${attack?.pattern ?? 'some text'}`
  return `recheck cannot tell (${error?.kind ?? 'unknown'})`
}

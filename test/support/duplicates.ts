// Finds blocks of source that stand in two places: the same run of tokens, whatever their layout and comments.
import ts from 'typescript'

/** The same block in two places; lines count from 1. */
export interface Duplicate {
  readonly tokens: number
  readonly first: { readonly file: string; readonly line: number }
  readonly second: { readonly file: string; readonly line: number }
}

interface Token {
  readonly text: string
  readonly file: string
  readonly line: number
}

/**
 * The duplicated blocks of at least so many tokens, each once, from its first token to its last. Imports are left out:
 * they are alike because their modules are.
 * @param sources texts by file
 */
export function duplicatedBlocks(sources: ReadonlyMap<string, string>, minTokens: number): Duplicate[] {
  const tokens = [...sources].flatMap(([file, text]) => [...tokensOf(file, text), { text: END, file, line: 0 }])
  const seen = new Map<string, number>()
  const found: Duplicate[] = []
  let index = 0
  while (index + minTokens <= tokens.length) {
    const window = windowAt(tokens, index, minTokens)
    const earlier = window === null ? undefined : seen.get(window)
    if (earlier === undefined) {
      if (window !== null) seen.set(window, index)
      index += 1
      continue
    }
    const length = commonLength(tokens, earlier, index)
    found.push({ tokens: length, first: placeOf(tokens[earlier]), second: placeOf(tokens[index]) })
    index += length
  }
  return found
}

/** `null` for a window that reaches over the end of a file. */
function windowAt(tokens: readonly Token[], start: number, length: number): string | null {
  const window = tokens.slice(start, start + length)
  return window.some(({ text }) => text === END) ? null : window.map(({ text }) => text).join(' ')
}

function commonLength(tokens: readonly Token[], first: number, second: number): number {
  let length = 0
  while (first + length < second) {
    const { text } = tokens[first + length] ?? { text: END }
    if (text === END || text !== tokens[second + length]?.text) break
    length += 1
  }
  return length
}

const END = '\0'

function placeOf(token: Token | undefined): Duplicate['first'] {
  return { file: token?.file ?? '', line: token?.line ?? 0 }
}

function tokensOf(file: string, text: string): Token[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true)
  const tokens: Token[] = []
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) || ts.isJSDoc(node)) return
    const children = node.getChildren(source)
    if (children.length > 0) for (const child of children) visit(child)
    else if (node.getWidth(source) > 0) {
      const { line } = source.getLineAndCharacterOfPosition(node.getStart(source))
      tokens.push({ text: node.getText(source), file, line: line + 1 })
    }
  }
  visit(source)
  return tokens
}

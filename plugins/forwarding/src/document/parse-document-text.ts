import { Composer, type CST, type Document, Lexer, Parser, type ParsedNode } from 'yaml'
import { placeTree } from './place-tree.ts'
import type { PlacedMistake, PlacedNode } from './placed-node.ts'

/** Longest text that is read, in UTF-16 code units. */
export const LONGEST_DOCUMENT = 1_048_576
/** Collections and their keys that may be open at a time: several entries a level, far more than the schema has. */
const DEEPEST_STACK = 100

/** The tree of a document and what is wrong with it; `null` where the mistakes leave no tree to look at. */
export interface ParsedDocument {
  readonly node: PlacedNode | null
  readonly mistakes: readonly PlacedMistake[]
}

/**
 * Reads one document of YAML 1.2, of which JSON is a part, into a tree with positions. Refused: tags, directives, a
 * second document, keys that are no text or appear twice, and what is longer, deeper or larger than any sensible file.
 */
export function parseDocumentText(text: string): ParsedDocument {
  if (text.length > LONGEST_DOCUMENT) {
    return { node: null, mistakes: [{ at: 0, message: `the document is longer than ${LONGEST_DOCUMENT} characters` }] }
  }
  const tokens = readTokens(text)
  if (!Array.isArray(tokens)) return { node: null, mistakes: [tokens] }
  const composer = new Composer({
    version: '1.2',
    schema: 'core',
    merge: false,
    uniqueKeys: false,
    prettyErrors: false
  })
  const [document, second] = composer.compose(tokens, true, text.length)
  const mistakes = [...refusedTokens(tokens), ...(document === undefined ? [] : syntaxMistakes(document))]
  if (second !== undefined) mistakes.push({ at: second.range[0], message: 'there is a second document in the file' })
  if (document === undefined || document.errors.length > 0) return { node: null, mistakes }
  return { node: placeTree(document.contents, text.length, mistakes), mistakes }
}

/** Token by token, so that a text that nests without end is given up before it costs anything. */
function readTokens(text: string): CST.Token[] | PlacedMistake {
  const parser = new Parser()
  const tokens: CST.Token[] = []
  for (const lexeme of new Lexer().lex(text)) {
    for (const token of parser.next(lexeme)) tokens.push(token)
    if (parser.stack.length > DEEPEST_STACK) {
      return { at: Math.min(parser.offset, text.length), message: 'is nested too deep' }
    }
  }
  for (const token of parser.end()) tokens.push(token)
  return tokens
}

/** Tags and directives, which could give a value another meaning than it seems to have. */
function refusedTokens(tokens: readonly CST.Token[]): PlacedMistake[] {
  const mistakes: PlacedMistake[] = []
  const open: unknown[] = [...tokens]
  for (let token = open.pop(); token !== undefined; token = open.pop()) {
    if (typeof token !== 'object' || token === null) continue
    if (isTokenOf(token, 'tag')) mistakes.push({ at: token.offset, message: 'a tag is not allowed' })
    else if (isTokenOf(token, 'directive')) mistakes.push({ at: token.offset, message: 'a directive is not allowed' })
    for (const part of Object.values(token)) open.push(part)
  }
  return mistakes
}

function isTokenOf(token: object, type: string): token is { readonly offset: number } {
  return 'type' in token && token.type === type && 'offset' in token
}

/** What the parser says of the rest of a text in which it has lost its way. */
const AFTERMATH = /^Unexpected \S+ token in YAML stream/

/** What the parser says; of several mistakes at one place the first. */
function syntaxMistakes({ errors, warnings }: Document.Parsed<ParsedNode>): PlacedMistake[] {
  const places = new Set<number>()
  return [...errors, ...warnings].flatMap(({ pos: [at], message }) => {
    if (places.has(at) || (places.size > 0 && AFTERMATH.test(message))) return []
    places.add(at)
    return [{ at, message: `not YAML: ${message.charAt(0).toLowerCase()}${message.slice(1)}` }]
  })
}

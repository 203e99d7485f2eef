/* eslint-disable no-template-curly-in-string -- references look like the templates of JavaScript */
import { resolve } from 'node:path'

/** Where the values of references come from. */
export interface ReferenceSources {
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Paths of `file:` begin here, unless they are absolute. */
  readonly folder: string
  /** The content of a file; throws when it cannot be read. */
  readonly readFile: (path: string) => string
}

/** A text with the values of its references. */
export interface ReplacedText {
  readonly text: string
  /** Whether any part of it came from somewhere else: then it may be a secret. */
  readonly isReferenced: boolean
  readonly mistakes: readonly string[]
}

const REFERENCE = /\$(\$\{|\{([^}]*)\}?)/g
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/
const LONGEST_VALUE = 262_144

/**
 * Replaces the references of one parsed text: `${NAME}` by an environment variable, anywhere; `file:<path>` as a whole
 * by the content of a file without its last line break. `$${` stands for `${`. What a reference stands for is not read
 * again, so it can neither be another reference nor become part of the document's structure.
 */
export function replaceReferences(written: string, sources: ReferenceSources): ReplacedText {
  const mistakes: string[] = []
  let isReferenced = false
  const text = written.replaceAll(REFERENCE, (_all, after: string, name: string | undefined) => {
    if (name === undefined) return '${'
    if (!after.endsWith('}') || !VARIABLE.test(name)) {
      mistakes.push('a reference is ${NAME}; write $${ for ${')
      return ''
    }
    isReferenced = true
    const value = sources.environment[name]
    if (value === undefined) mistakes.push(`the environment has no ${name}`)
    return value ?? ''
  })
  if (!written.startsWith('file:') || mistakes.length > 0) return { text, isReferenced, mistakes }
  const content = fileContent(text.slice('file:'.length), sources)
  if (content !== null) return { text: content, isReferenced: true, mistakes }
  return { text: '', isReferenced: true, mistakes: [`the file of ${written} cannot be read, or is too long`] }
}

/** `null` for what cannot be read. */
function fileContent(path: string, { folder, readFile }: ReferenceSources): string | null {
  try {
    const content = readFile(resolve(folder, path))
    return content.length > LONGEST_VALUE ? null : content.replace(/\r?\n$/, '')
  } catch {
    return null
  }
}

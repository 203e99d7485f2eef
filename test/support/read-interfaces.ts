// Reads the interfaces of a package's sources with their JSDoc, for the tables of options.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'

/** One member of an options interface, as an editor shows it. */
export interface OptionMember {
  readonly name: string
  readonly isOptional: boolean
  /** As it is written, in one line. */
  readonly type: string
  readonly meaning: string
  /** Text of `@default`, `null` without one. */
  readonly default: string | null
}

/** An exported interface of options. */
export interface OptionInterface {
  readonly name: string
  /** Path of the module that declares it. */
  readonly file: string
  readonly members: readonly OptionMember[]
}

/** The exported interfaces of all sources below a folder, by name, with what they inherit of each other. */
export function readInterfaces(folder: string): ReadonlyMap<string, OptionInterface> {
  const own = new Map<string, OptionInterface>()
  const parents = new Map<string, string>()
  for (const entry of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    if (!entry.endsWith('.ts')) continue
    const file = join(folder, entry)
    const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true)
    for (const statement of source.statements) {
      if (!ts.isInterfaceDeclaration(statement)) continue
      const name = statement.name.text
      own.set(name, { name, file, members: statement.members.flatMap(member => memberOf(member, source)) })
      const [clause] = statement.heritageClauses ?? []
      if (clause !== undefined) parents.set(name, clause.getText(source))
    }
  }
  return new Map([...own].map(([name, found]) => [name, withInherited(found, parents.get(name) ?? '', own)]))
}

function memberOf(member: ts.TypeElement, source: ts.SourceFile): OptionMember[] {
  if (!ts.isPropertySignature(member) || member.type === undefined) return []
  const tag = ts.getJSDocTags(member).find(({ tagName }) => tagName.text === 'default')
  const [comment] = ts.getJSDocCommentsAndTags(member).filter(ts.isJSDoc)
  return [
    {
      name: member.name.getText(source),
      isOptional: member.questionToken !== undefined,
      type: oneLine(member.type.getText(source)),
      meaning: oneLine(ts.getTextOfJSDocComment(comment?.comment) ?? '').replaceAll(/\{@link (\w+)\}/g, '`$1`'),
      default: tag === undefined ? null : oneLine(ts.getTextOfJSDocComment(tag.comment) ?? '')
    }
  ]
}

/**
 * `extends Partial<Omit<Other, 'a' | 'b'>>`: the members of the other but those, all of them optional; with `Pick`,
 * those alone.
 */
function withInherited(
  found: OptionInterface,
  clause: string,
  known: ReadonlyMap<string, OptionInterface>
): OptionInterface {
  const parent = [...clause.matchAll(/\b[A-Z]\w+/g)].map(([name]) => known.get(name)).find(each => each !== undefined)
  if (parent === undefined) return found
  const named = new Set([...clause.matchAll(/'(\w+)'/g)].map(([, name]) => name))
  const inherited = parent.members
    .filter(({ name }) => named.has(name) === clause.includes('Pick<'))
    .map(member => (clause.includes('Partial<') ? { ...member, isOptional: true } : member))
  return { ...found, members: [...inherited, ...found.members] }
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim()
}

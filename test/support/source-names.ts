// Finds names of the sources that say too little, or that mean two things: what one search cannot find.
import { basename } from 'node:path'
import ts from 'typescript'

/** A name at fault in one package. */
export interface NameFault {
  /** The package's folder: `plugins/health`. */
  readonly folder: string
  /** What is declared, or the name of a file. */
  readonly name: string
  /** Why it is at fault, with the places. */
  readonly why: string
}

/** Faults that a package still has, by its folder. The list only gets shorter. */
export type NameBaseline = Readonly<Record<string, readonly string[]>>

/** What every app exports under the same name, for whoever starts it; nothing imports two of them but the launcher. */
const OF_EVERY_APP: ReadonlySet<string> = new Set([
  'PROCESS_NAME',
  'buildApp',
  'settingsSchema',
  'migrate',
  'descriptor',
  'program',
  'seedDemo'
])

/** What the `errors` of every plugin have: callers name the plugin with it, as `errors.InvalidOptionsError`. */
const OF_EVERY_PLUGIN: ReadonlySet<string> = new Set(['InvalidOptionsError'])

/** What every migration file exports: the number of its file is its name. */
const OF_EVERY_MIGRATION: ReadonlySet<string> = new Set(['migration'])

/** Files that have the same job in each package. */
const CONVENTIONAL_FILES: ReadonlySet<string> = new Set([
  'app.ts',
  'connect.ts',
  'descriptor.ts',
  'errors.ts',
  'index.ts',
  'migrate.ts',
  'program.ts',
  'migrations.ts',
  'options.ts',
  'policies.ts',
  'require-node.ts',
  'schemas.ts',
  'seed-demo.ts',
  'server.ts',
  'settings.ts'
])

/** Two implementations of one contract: each declares what the other declares. */
const COUNTERPARTS: ReadonlyArray<readonly string[]> = [
  ['auth-server/src/store/memory/', 'auth-server/src/store/postgres/']
]

/** Names that fit anything. A method or a local variable may have them: what surrounds it says the rest. */
const VAGUE: ReadonlySet<string> = new Set(
  [
    'add answer attempt audited build check checked clientOf codeOf connect connectionOf contextOf decode encode entry',
    'equal execute explain fail failed fill find found get handle isFree isObject item keyOf known list load make member',
    'messageOf move name nameOf note open parameters parse pick process read reasonOf record refusalOf refuse refused',
    'remove required rowOf run save search secret send set show shown start state statusOf step stop stored string strings',
    'text textOf update urlOf valueOf valuesOf watch write Answer Data Entry Headers Info Item Options Outcome Place',
    'Result Row Run State Tally Value'
  ].flatMap(line => line.split(' '))
)

/** The names that a TypeScript file declares at its top level, each once. */
export function namesDeclaredIn(file: string, text: string): string[] {
  const names = new Set<string>()
  const add = (name: ts.BindingName): void => {
    if (ts.isIdentifier(name)) names.add(name.text)
    else name.elements.forEach(element => ts.isBindingElement(element) && add(element.name))
  }
  for (const statement of ts.createSourceFile(file, text, ts.ScriptTarget.Latest).statements) {
    if (ts.isVariableStatement(statement)) statement.declarationList.declarations.forEach(({ name }) => add(name))
    else if (isNamed(statement)) names.add(statement.name.text)
  }
  return [...names]
}

function isNamed(node: ts.Statement): node is ts.Statement & { readonly name: ts.Identifier } {
  const declares =
    ts.isFunctionDeclaration(node) ||
    ts.isClassDeclaration(node) ||
    ts.isInterfaceDeclaration(node) ||
    ts.isTypeAliasDeclaration(node) ||
    ts.isEnumDeclaration(node)
  return declares && node.name !== undefined
}

/**
 * Every fault of the sources: a name that two files declare, a vague one, two files of one name.
 * @param sources text by path from the root: `plugins/health/src/index.ts`
 */
export function nameFaults(sources: ReadonlyMap<string, string>): NameFault[] {
  const declared = new Map<string, string[]>()
  const files = new Map<string, string[]>()
  for (const [file, text] of sources) {
    append(files, basename(file), file)
    for (const name of namesDeclaredIn(file, text)) append(declared, name, file)
  }
  return [
    ...[...declared].flatMap(([name, places]) => faultsOfName(name, places)),
    ...[...files].flatMap(([name, places]) =>
      CONVENTIONAL_FILES.has(name) ? [] : repeated(name, places, 'several files have this name')
    )
  ]
}

function faultsOfName(name: string, places: readonly string[]): NameFault[] {
  if (VAGUE.has(name)) return perPackage(name, places, 'it does not say what it is')
  if (OF_EVERY_MIGRATION.has(name) && places.every(place => place.includes('/migrations/'))) return []
  if ((OF_EVERY_APP.has(name) || OF_EVERY_PLUGIN.has(name)) && oneInEachPackage(places)) return []
  return repeated(name, places, 'several files declare it')
}

function repeated(name: string, places: readonly string[], why: string): NameFault[] {
  const counterparts = COUNTERPARTS.some(
    folders =>
      places.every(place => folders.some(folder => place.startsWith(folder))) &&
      folders.every(folder => places.filter(place => place.startsWith(folder)).length <= 1)
  )
  return places.length < 2 || counterparts ? [] : perPackage(name, places, why)
}

function perPackage(name: string, places: readonly string[], why: string): NameFault[] {
  return [...new Set(places.map(folderOf))].map(folder => ({ folder, name, why: `${why}: ${places.join(', ')}` }))
}

function oneInEachPackage(places: readonly string[]): boolean {
  return new Set(places.map(folderOf)).size === places.length
}

/** The folder of the package that a source file belongs to. */
function folderOf(file: string): string {
  return file.slice(0, file.indexOf('/src/'))
}

function append(lists: Map<string, string[]>, key: string, value: string): void {
  const list = lists.get(key)
  if (list === undefined) lists.set(key, [value])
  else list.push(value)
}

/** What the baseline does not excuse, and what it excuses although it is gone. */
export function compareWithBaseline(
  faults: readonly NameFault[],
  baseline: NameBaseline
): { readonly added: NameFault[]; readonly gone: Array<Pick<NameFault, 'folder' | 'name'>> } {
  const excused = Object.entries(baseline).flatMap(([folder, names]) => names.map(name => ({ folder, name })))
  const isSame = (one: Pick<NameFault, 'folder' | 'name'>, other: Pick<NameFault, 'folder' | 'name'>): boolean =>
    one.folder === other.folder && one.name === other.name
  return {
    added: faults.filter(fault => !excused.some(excuse => isSame(excuse, fault))),
    gone: excused.filter(excuse => !faults.some(fault => isSame(excuse, fault)))
  }
}

/** The baseline without what is gone. It never takes anything in. */
export function shrunk(baseline: NameBaseline, faults: readonly NameFault[]): NameBaseline {
  const { gone } = compareWithBaseline(faults, baseline)
  return Object.fromEntries(
    Object.entries(baseline)
      .map(
        ([folder, names]) =>
          [folder, names.filter(name => !gone.some(g => g.folder === folder && g.name === name))] as const
      )
      .filter(([, names]) => names.length > 0)
  )
}

/** A fenced block of code in a README. */
export interface ReadmeBlock {
  readonly language: string
  /** `fragment`: part of a program. `manual`: for the reader. Empty: runs as written. */
  readonly mark: string
  readonly code: string
}

/** The blocks of a page, in their order. */
export function readmeBlocks(markdown: string): ReadmeBlock[] {
  return [...markdown.matchAll(/^```(\w+)([^\n]*)\n([\s\S]*?)^```$/gm)].map(
    ([, language = '', mark = '', code = '']) => ({ language, mark: mark.trim(), code })
  )
}

/** The programs of a page that run as written. */
export function readmePrograms(markdown: string): string[] {
  return readmeBlocks(markdown).flatMap(({ language, mark, code }) => (language === 'ts' && mark === '' ? [code] : []))
}

/** What the Install section tells a reader to do. */
export interface InstallSteps {
  /** The sentence above the commands. */
  readonly sentence: string
  /** The commands, one a line. */
  readonly commands: readonly string[]
  /** Folders of the packages that are packed. */
  readonly packed: readonly string[]
  /** Names that are installed from the registry beside them. */
  readonly beside: readonly string[]
}

/** @throws when the page has no Install section with commands */
export function installSteps(markdown: string): InstallSteps {
  const [, section = ''] = /^## Install\n([\s\S]*?)^## /m.exec(markdown) ?? []
  const [block] = readmeBlocks(section)
  if (block === undefined) throw new Error('there is no Install section with commands')
  const commands = block.code
    .replaceAll(/ \\\n */g, ' ')
    .trim()
    .split('\n')
  return {
    sentence: section.slice(0, section.indexOf('```')).trim().replaceAll(/\s+/g, ' '),
    commands,
    packed: [...block.code.matchAll(/--workspace (\S+)/g)].map(([, folder = '']) => folder),
    beside: (commands.at(-1) ?? '').split(/\.tgz\s*/)[1]?.split(' ') ?? []
  }
}

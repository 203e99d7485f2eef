import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from './packages.ts'

/**
 * Folders that hold no page of ours. Those that begin with a dot are left out too, and templates, whose links are for
 * the place that they are copied to.
 */
const OTHERS = new Set(['node_modules', 'dist', 'coverage', 'templates'])

/** Every Markdown page of the repository, as a path from the root; `*.preamble.md` is a part of a page. */
export function markdownPages(folder = ''): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true })
    .sort((a, b) => a.name.localeCompare(b.name))
    .flatMap(entry => {
      const path = join(folder, entry.name)
      if (entry.isDirectory()) return entry.name.startsWith('.') || OTHERS.has(entry.name) ? [] : markdownPages(path)
      return entry.name.endsWith('.md') && !entry.name.endsWith('.preamble.md') ? [path] : []
    })
}

import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import t from 'tap'
import { ROOT, workspaces } from '../support/packages.ts'

function pluginsMissingIn(text: string, row: (plugin: string) => string): string[] {
  const plugins = workspaces().filter(({ folder }) => folder.startsWith('plugins/'))
  return plugins.map(({ folder }) => basename(folder)).filter(plugin => !text.includes(row(plugin)))
}

t.test('every plugin is in the tables of the README and of the page for one plugin, and in the folder map', async t => {
  const read = (page: string): string => readFileSync(join(ROOT, page), 'utf8')
  const inReadme = (plugin: string): string => `| [\`${plugin}\`](plugins/${plugin}) |`
  t.strictSame(pluginsMissingIn(read('README.md'), inReadme), [])
  const onPage = (plugin: string): string => `[\`${plugin}\`](../plugins/${plugin}/README.md) |`
  t.strictSame(pluginsMissingIn(read('docs/one-plugin.md'), onPage), [])
  t.strictSame(
    pluginsMissingIn(read('docs/architecture.md'), plugin => `  ${plugin}/`),
    []
  )
  t.strictSame(pluginsMissingIn(read('README.md').replace(inReadme('health'), ''), inReadme), ['health'])
})

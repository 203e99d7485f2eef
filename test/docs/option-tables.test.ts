import t from 'tap'
import {
  documentedInterfaces,
  pagesWithOptions,
  readPage,
  schemaDifferences,
  withOptionTables
} from '../support/option-tables.ts'

for (const { folder, page } of pagesWithOptions()) {
  const text = readPage(page)
  t.test(`the tables of options in ${page} are what its sources say; npm run tables writes them`, async t => {
    t.equal(text, withOptionTables(folder, text))
  })

  t.test(`interfaces and schemas of the options in ${page} have the same members and defaults`, async t => {
    const documented = documentedInterfaces(folder, text)
    t.not(documented.length, 0)
    for (const options of documented) t.strictSame(await schemaDifferences(options), [], options.name)
    for (const { name, members } of documented) {
      const unexplained = members.filter(({ meaning }) => meaning === '').map(member => member.name)
      t.strictSame(unexplained, [], `every option of ${name} says what it means`)
    }
  })
}

t.test('a table, a default, a member and an optional mark that differ are found', async t => {
  const folder = 'plugins/metrics'
  const text = readPage('plugins/metrics/README.md')
  t.equal(withOptionTables(folder, text.replace('| `processMetrics`', '| `other`')), text)
  const [found] = documentedInterfaces(folder, text)
  const [first, ...rest] = found?.members ?? []
  if (found === undefined || first === undefined) return
  const changes = [
    rest,
    [...found.members, { ...first, name: 'other' }],
    [{ ...first, default: '17' }, ...rest],
    [{ ...first, isOptional: !first.isOptional }, ...rest]
  ]
  for (const members of changes) t.equal((await schemaDifferences({ ...found, members })).length, 1)
})

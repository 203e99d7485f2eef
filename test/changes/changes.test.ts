import t from 'tap'
import { CHANGES } from './support/all-changes.ts'
import { after, instead } from './support/change.ts'
import { describedFiles, differences } from './support/described-files.ts'

t.test('CONTRIBUTING.md lists files for each change that is tried', async t => {
  for (const { title } of Object.values(CHANGES)) t.not(describedFiles(title).length, 0, title)
  t.throws(() => describedFiles('a change of nothing'), /no section/)
})

t.test('a file that is not listed is found, and so is one that is listed and not changed', async t => {
  const described = describedFiles('a metric')
  const changed = [
    'plugins/metrics/src/any-name.ts',
    'plugins/metrics/src/index.ts',
    'plugins/metrics/README.md',
    'test/plugins/metrics/any-name.test.ts'
  ]
  t.strictSame(differences(changed, described), [])
  t.match(differences([...changed, 'README.md'], described), ['changes README.md as well'])
  t.match(differences(changed.slice(1), described), [/^does not change .*metrics/])
})

t.test('a folder stands for every file in it, and for none beside it', async t => {
  const described = ['reference-services/<name>-service/']
  const folder = 'reference-services/rating-service'
  t.strictSame(differences([`${folder}/package.json`, `${folder}/src/routes/ratings.ts`], described), [])
  t.match(differences(['reference-services/README.md'], described), [
    'changes reference-services/README.md as well',
    /^does not/
  ])
})

t.test('an edit whose place is not there, or there twice, fails', async t => {
  t.equal(after('b', 'c')('ab'), 'abc')
  t.throws(() => after('x', 'c')('ab'), /there 0 times/)
  t.throws(() => instead('a', 'c')('aa'), /there 2 times/)
})

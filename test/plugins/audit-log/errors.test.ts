import { errors } from '@sallyport/audit-log'
import t from 'tap'
import { sameErrorsTable } from '../../support/errors-table.ts'

t.test('the errors table of the README is the code\'s', async t => {
  sameErrorsTable(t, new URL('../../../plugins/audit-log/README.md', import.meta.url), errors)
})

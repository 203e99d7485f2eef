import { readFileSync } from 'node:fs'
import { errors } from '@sallyport/token-exchange'
import t from 'tap'

t.test('the README\'s errors table lists exactly the errors of errors.ts, with their status', async t => {
  const readme = readFileSync(new URL('../../../plugins/token-exchange/README.md', import.meta.url), 'utf8')
  const documented = [...readme.matchAll(/^\| `(SALLYPORT_\w+)` \| (\d{3}) \|/gm)].map(([, code, status]) => `${code} ${status}`)
  const defined = Object.values(errors).map(ErrorClass => {
    const { code, statusCode } = new ErrorClass()
    return `${code} ${statusCode}`
  })
  t.same(documented.toSorted(), defined.toSorted())
})

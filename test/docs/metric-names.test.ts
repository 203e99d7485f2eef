import { globSync, readFileSync } from 'node:fs'
import t from 'tap'

const SOURCES = [
  'plugins/*/src/**/*.ts',
  'auth-server/src/**/*.ts',
  'reference-*/src/**/*.ts',
  'reference-services/*/src/**/*.ts'
]

t.test('the README of the metrics plugin lists every metric of the sources, and no other', t => {
  const measured = new Set(
    SOURCES.flatMap(pattern => globSync(pattern)).flatMap(file =>
      [...readFileSync(file, 'utf8').matchAll(/name: '(sallyport_[a-z_]+)'/g)].map(([, name = '']) => name)
    )
  )
  const listed = [...readFileSync('plugins/metrics/README.md', 'utf8').matchAll(/^\| `(sallyport_[a-z_]+)` \|/gm)].map(
    ([, name = '']) => name
  )
  t.strictSame([...new Set(listed)].sort(), [...measured].sort())
  t.equal(listed.length, measured.size, 'each once')
  t.end()
})

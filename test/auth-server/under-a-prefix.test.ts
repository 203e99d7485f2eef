import { runUnderPrefix } from './support/run-under-prefix.ts'

runUnderPrefix(['token-endpoint', 'grants', 'refresh', 'exchange', 'signed-introspection'])

import { runUnderPrefix } from './support/run-under-prefix.ts'

runUnderPrefix(['authorization-code', 'authorize', 'pushed-requests', 'dpop'])

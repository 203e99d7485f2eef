import { expect, test } from 'tstyche'
import type { Grant } from '../../auth-server/src/protocol/token-endpoint/grant.ts'
import type { GRANTS } from '../../auth-server/src/protocol/token-endpoint/grants/index.ts'
import type { GrantType } from '../../auth-server/src/store/grant-types.ts'
import type { Client } from '../../auth-server/src/store/records.ts'

type GrantTable = typeof GRANTS

test('a grant that is missing in the table does not compile', () => {
  expect<GrantTable>().type.not.toBeAssignableFrom<Omit<GrantTable, 'password'>>()
  expect<GrantTable>().type.not.toBeAssignableFrom<Omit<GrantTable, 'refresh_token'>>()
  expect<GrantTable[GrantType]>().type.toBe<Grant>()
})

test('a grant that is in the table without being a grant type does not compile', () => {
  expect<keyof GrantTable>().type.toBe<GrantType>()
})

test('a client is registered for grants of the table only', () => {
  expect<Client['grantTypes'][number]>().type.toBe<keyof GrantTable>()
})

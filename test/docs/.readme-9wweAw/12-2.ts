import { memoryStore, STORE_CHECKS } from '@sallyport/auth-server'

for (const { title, run } of STORE_CHECKS) {
  await run(memoryStore())
  console.log('kept:', title)
}

import { createReload } from '@sallyport/service-process'

const reload = createReload<{ greeting: string }>()
let greeting = 'hello'
reload.subscribe({
  name: 'greeting',
  validate: next => {
    if (next.greeting === '') throw new Error('a greeting has letters')
    const before = greeting
    return { apply: () => { greeting = next.greeting }, undo: () => { greeting = before } }
  }
})
await reload.reload({ greeting: 'good morning' })
await reload.reload({ greeting: '' }).catch(error => { console.log(error.code, error.message) }) // nothing was changed

// tsyringe, which @peculiar/x509 uses, does not load without a metadata API on Reflect. Neither package decorates
// constructors here, so three functions over a WeakMap are enough; a real polyfill that is already loaded stays.
const metadata = new WeakMap<object, Map<unknown, unknown>>()

const polyfill = {
  getMetadata: (key: unknown, target: object): unknown => metadata.get(target)?.get(key),
  getOwnMetadata: (key: unknown, target: object): unknown => metadata.get(target)?.get(key),
  defineMetadata: (key: unknown, value: unknown, target: object): void => {
    metadata.set(target, (metadata.get(target) ?? new Map()).set(key, value))
  }
}

for (const [name, value] of Object.entries(polyfill)) {
  if (!(name in Reflect)) Object.defineProperty(Reflect, name, { value, configurable: true, writable: true })
}

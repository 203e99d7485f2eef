/**
 * Makes something of a value that is replaced now and then, such as a key ring of its text: once for each value, at its
 * first use. What was made of an older value is forgotten.
 * @param current the value of the moment
 */
export function oncePerValue<Value, Made>(current: () => Value, make: (value: Value) => Made): () => Made {
  let last: { readonly value: Value; readonly made: Made } | null = null
  return () => {
    const value = current()
    if (last === null || !Object.is(last.value, value)) last = { value, made: make(value) }
    return last.made
  }
}

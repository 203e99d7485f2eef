// What a CHANGELOG says: what changed, in the words of the changeset. That a package of ours was released together with
// this one is no news: all are.
export default {
  async getReleaseLine({ summary }) {
    const [first, ...more] = summary.split('\n')
    return [`- ${first}`, ...more.map(line => (line === '' ? '' : `  ${line}`))].join('\n')
  },
  async getDependencyReleaseLine() {
    return ''
  }
}

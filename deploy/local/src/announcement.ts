import type { LocalFacts } from './local-json.ts'

/** What is printed when everything is ready: URLs, accounts, and three commands that work as pasted. */
export function announcement(facts: LocalFacts, path: string): string {
  const { gateway, issuer, caFile, users, clients, operations, collector } = facts
  const customer = users.find(({ username }) => username === 'customer1')
  const machine = clients.find(({ clientId }) => clientId === 'machine-client')
  const verified = gateway.startsWith('https:') ? `--cacert ${quote(caFile)} ` : ''
  const login = JSON.stringify({ username: customer?.username, password: customer?.password, tokens: 'body' })
  return [
    '',
    'Sallyport is ready.',
    '',
    `  gateway               ${gateway}`,
    `  authorization server  ${issuer}   (certificate authority: ${caFile})`,
    ...Object.entries(operations).map(([name, url]) => `  ${name.padEnd(20)}  ${url}/health/ready ${url}/metrics`),
    ...(collector === undefined ? [] : [`  traces                ${collector}/traces/<trace id>`]),
    '',
    '  Demo accounts, made for this folder:',
    ...users.map(({ username, password, roles }) => `    ${username.padEnd(12)} ${password}   ${roles.join(' ')}`),
    '',
    `  In a browser, as one of them:  ${gateway}/app   (for the login at the issuer the authority has to be trusted there)`,
    '',
    `  Try:  (the same facts are in ${path})`,
    `    curl ${verified}-u ${quote(`${customer?.username}:${customer?.password}`)} ${gateway}/orders`,
    `    curl ${verified}-H 'content-type: application/json' -d ${quote(login)} ${gateway}/login`,
    `    curl --cacert ${quote(caFile)} -u ${quote(`${machine?.clientId}:${machine?.clientSecret}`)} -d grant_type=client_credentials ${issuer}/oauth2/token`,
    '',
    '  Ctrl-C stops everything.',
    ''
  ].join('\n')
}

/** For a POSIX shell. */
function quote(text: string): string {
  return /^[\w./:@=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}

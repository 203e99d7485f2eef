/** A statement of what must hold; a test that shows it names it in its title: "V06: …". */
export interface Statement {
  readonly id: string
  readonly text: string
  readonly source: string
}

const area = (entries: ReadonlyArray<readonly [id: string, text: string, source: string]>): Statement[] =>
  entries.map(([id, text, source]) => ({ id, text, source }))

/** Every statement, by area. */
export const STATEMENTS: Readonly<Record<string, readonly Statement[]>> = {
  'Token verification': area([
    ['V01', 'The algorithm comes from configuration; `none` is refused however it is spelled', 'RFC 8725 §3.1'],
    ['V02', 'A key serves one algorithm; a public key is never an HMAC secret', 'RFC 8725 §3.1'],
    ['V03', 'Keys come from the configured place only; no header or claim causes a fetch', 'RFC 8725 §3.10'],
    ['V04', '`kid` is an opaque name; unknown ones cost at most one fetch per cool-down', 'RFC 8725 §3.10'],
    [
      'V05',
      'Expiry and issue time are required numbers, `nbf` is honoured, the tolerance is at most a minute',
      'RFC 9068 §4'
    ],
    ['V06', 'The issuer is one exact string', 'RFC 9068 §4'],
    ['V07', 'The audience names exactly this service', 'RFC 9068 §4'],
    ['V08', 'Only access tokens are accepted as access tokens', 'RFC 9068 §4'],
    ['V09', 'Subject, client and token id are required strings', 'RFC 9068 §2.2'],
    ['V10', 'Critical extensions that are not understood are refused', 'RFC 7515 §4.1.11'],
    ['V11', 'Three parts of canonical base64url, nothing else', 'RFC 7515 §2'],
    ['V12', 'Every bit of the signature counts', 'RFC 8725 §3.3'],
    ['V13', 'The payload is a UTF-8 JSON object without duplicate names', 'RFC 7519 §4'],
    ['V14', 'The cache of verified tokens never mixes tokens and never outlives expiry or revocation', 'RFC 8725 §3.3'],
    ['V15', 'Weak keys in a key set are ignored and logged', 'RFC 8725 §3.5'],
    ['V16', 'An oversized token is refused before it is parsed', 'ASVS 4.2.5'],
    ['V17', 'Refusals carry the bearer challenge and no detail', 'RFC 6750 §3'],
    ['V18', 'A token is taken from the Authorization header only', 'RFC 6750 §2'],
    [
      'V19',
      'With the key server down, known keys go on for a bounded time and unknown ones fail closed',
      'ASVS 16.5.3'
    ],
    ['V20', 'A retired key is refused, a new one works without a restart', 'ASVS 13.3.4'],
    ['V21', 'A token bound to a certificate is refused on another', 'RFC 8705 §3'],
    ['V22', 'With several issuers, a token is held to what is trusted of its own', 'RFC 8725 §3.8'],
    [
      'V23',
      'What an issuer says of itself counts when it names itself, and leads elsewhere only by TLS',
      'RFC 8414 §3.3'
    ],
    ['V24', 'A protected resource says whose tokens it takes, and a challenge says where', 'RFC 9728 §5.1']
  ]),
  Authorization: area([
    ['Z01', 'A route without a declared permission does not boot', 'ASVS 8.2.1'],
    ['Z02', 'What belongs to somebody else can be neither read, changed, removed nor listed', 'ASVS 8.2.2'],
    ['Z03', 'Unknown and read-only fields are refused', 'ASVS 8.2.3'],
    ['Z04', 'A scope counts only as an exact word of the scope string', 'RFC 6749 §3.3'],
    ['Z05', 'A decision needs the token’s scope, the user’s role and the resource together', 'ASVS 8.3.3'],
    ['Z06', 'A change of roles or permissions is effective within the documented delay', 'ASVS 8.3.2'],
    ['Z07', 'Identity is issuer and subject; a client can never be a user', 'RFC 9700 §4.15'],
    ['Z08', 'Every denial is audited with subject, action and resource', 'ASVS 16.3.2'],
    [
      'Z09',
      'A stored answer is given again only to the one it was for, while the policy still allows it',
      'draft-ietf-httpapi-idempotency-key-header §5'
    ]
  ]),
  'Authorization server': area([
    ['O-01', 'A code works once; its second use revokes what was issued', 'RFC 6749 §4.1.2'],
    ['O-02', 'A code lives at most a minute', 'ASVS 10.4.3'],
    ['O-03', 'PKCE with S256 for everybody', 'RFC 9700 §2.1.1'],
    ['O-04', 'A code is bound to client, redirect URI and challenge', 'RFC 6749 §4.1.3'],
    ['O-05', 'Redirect URIs match exactly, or there is no redirect', 'RFC 9700 §4.1'],
    ['O-06', 'The only response type is `code`', 'RFC 9700 §2.1.2'],
    ['O-07', 'Every authorization response names the issuer', 'RFC 9207 §2'],
    ['O-08', '`state` comes back byte for byte', 'RFC 6749 §4.1.2'],
    ['O-09', 'Redirects are 303', 'RFC 9700 §4.12'],
    ['O-10', 'Login and consent pages cannot be framed, cached or forged', 'RFC 9700 §4.16'],
    ['O-11', 'Refresh tokens rotate; theft ends the family and its access tokens', 'RFC 9700 §4.14.2'],
    ['O-12', 'Parallel refreshes over several instances yield one successor', 'RFC 9700 §4.14.2'],
    ['O-13', 'Refresh ends after idling and absolutely', 'ASVS 10.4.8'],
    ['O-14', 'A refresh token is bound to its client and scope never grows', 'RFC 6749 §6'],
    ['O-15', 'The database holds no usable token, code or secret', 'ASVS 11.4.2'],
    ['O-16', 'A wrong secret and an unknown client are the same', 'RFC 6749 §5.2'],
    ['O-17', 'One authentication method per request, and never a secret in the URL', 'RFC 6749 §2.3'],
    ['O-18', 'A repeated parameter is refused', 'RFC 6749 §3.2'],
    ['O-19', 'The token endpoint takes a POSTed form and is never cached', 'RFC 6749 §5.1'],
    ['O-20', 'Grants and scopes are allow-listed per client', 'ASVS 10.4.4'],
    ['O-21', 'Client credentials yield no refresh token', 'RFC 6749 §4.4.3'],
    ['O-22', 'Introspection is authenticated, and silent about what is not the caller’s', 'RFC 7662 §2.2'],
    ['O-23', 'Revocation revokes, or says that it could not', 'RFC 7009 §2.2'],
    ['O-24', 'Token exchange only narrows', 'RFC 8693 §2.1'],
    ['O-25', 'Metadata is at the standard’s path and advertises only what works', 'RFC 8414 §3'],
    ['O-26', 'The key set is public, cacheable, and ahead of its use', 'RFC 7517'],
    ['O-27', 'Access tokens are short, single-audience and free of personal data', 'RFC 9068 §2.2'],
    ['O-28', 'Status lists are signed, bounded and timely', 'draft-ietf-oauth-status-list'],
    ['O-29', 'Password hashing leaves the event loop alone and is bounded', 'ASVS 11.4.2'],
    ['O-30', 'Long passwords count to the last character', 'ASVS 6.2.9'],
    ['O-31', 'Unknown user and wrong password are the same', 'ASVS 6.3.8'],
    ['O-32', 'Throttling is shared, survives restarts and never locks out for good', 'ASVS 6.3.1'],
    ['O-33', 'Disabling a user or changing a password ends everything they had', 'ASVS 7.4.2'],
    ['O-34', 'DPoP proofs are checked in full and cannot be replayed', 'RFC 9449 §4.3'],
    [
      'O-35',
      'A client that asked for it hears once of every session that ended',
      'OpenID Connect Back-Channel Logout 1.0 §2.4, §2.5'
    ],
    [
      'O-36',
      'Id tokens are bound to client, session, nonce and access token, and come from a login here only',
      'OpenID Connect Core 1.0 §2'
    ],
    [
      'O-37',
      'Only the user, or a client of this very sign-in, logs a browser out, and it goes nowhere that is not registered',
      'OpenID Connect RP-Initiated Logout 1.0 §2'
    ],
    ['O-53', 'A new password is long and not common, whichever way it comes', 'NIST SP 800-63B §3.1.1.2'],
    [
      'O-54',
      'Only the user who is logged in and knows the current password changes it, and everything elsewhere ends',
      'ASVS 6.2.3, 7.4.3'
    ]
  ]),
  Gateway: area([
    ['G-01', 'No identity header from outside reaches a service', 'ASVS 4.1.3'],
    ['G-02', '`Connection` cannot remove what the gateway adds', 'RFC 9110 §7.6.1'],
    ['G-03', 'Cookies and passwords stop at the gateway', 'ASVS 10.1.1'],
    ['G-04', 'The path that is judged is the path that is forwarded', 'RFC 3986 §6'],
    ['G-05', 'A second Host, Authorization, Content-Length or Content-Type is refused', 'RFC 9112 §3.2'],
    ['G-06', 'Ambiguous framing is refused and never reaches a service', 'RFC 9112 §6.1'],
    ['G-07', 'Headers, URLs and bodies are bounded, streamed ones too', 'OWASP API4'],
    ['G-08', 'Unknown methods and upgrades are refused', 'ASVS 4.1.4'],
    ['G-09', 'Slow senders are cut and keep nobody else from an answer', 'OWASP API4'],
    ['G-10', 'An upstream’s failure is 502 or 504 with a generic body', 'ASVS 16.5.2'],
    ['G-11', 'Hop-by-hop response headers stay on their hop', 'RFC 9110 §7.6.1'],
    ['G-12', 'Basic credentials are parsed exactly', 'RFC 7617'],
    ['G-13', 'No URL that a client controls is fetched', 'OWASP API7'],
    ['G-14', 'Metrics, health and documents are on another listener', 'ASVS 13.4.5'],
    ['G-20', 'A file of routes is taken whole or not at all', 'ASVS 13.1.1'],
    ['G-21', 'What a file of routes refers to stays one text, and is in no output', 'ASVS 13.3.1']
  ]),
  'Session cookies': area([
    ['S-01', 'Cookies are host-bound, HttpOnly, SameSite and small', 'RFC 6265bis'],
    ['S-02', 'Cookies are sealed for one purpose, and those of two sessions are no session', 'ASVS 11.3.2'],
    ['S-03', 'Sealing keys rotate', 'ASVS 13.3.4'],
    ['S-04', 'Two cookies of one name are refused', 'CVE-2023-27495'],
    [
      'S-05',
      'Unsafe methods by cookie need the same origin or a header, and by Basic come from no foreign page',
      'ASVS 3.5.1'
    ],
    ['S-06', 'Login from a foreign origin is refused', 'RFC 9700 §4.7'],
    ['S-07', 'Login makes new cookies; logout ends the old', 'ASVS 7.4.1'],
    ['S-08', 'Parallel requests at expiry share one refresh', 'RFC 9700 §4.14.2'],
    ['S-09', 'The server enforces idle and absolute lifetime', 'ASVS 7.3.1'],
    ['S-10', 'Users and administrators list and end sessions', 'ASVS 7.5.2'],
    ['S-11', 'A login at the issuer ends in the browser that began it, once', 'RFC 9700 §4.7'],
    ['S-12', 'Nobody is logged in but by a valid id_token of this very login', 'OpenID Connect Core 1.0 §3.1.3.7'],
    ['S-13', 'No login leads away from its origin', 'RFC 9700 §4.11.1'],
    ['S-14', 'Pages are led to the login, and nothing that a script fetches is', 'RFC 9700 §4.7'],
    ['S-15', 'A route gets callers who logged in as recently and as well as it asks', 'RFC 9470 §3'],
    [
      'S-16',
      'A logout ends the session here first, and goes on to the issuer that it came from',
      'OpenID Connect RP-Initiated Logout 1.0 §2'
    ],
    [
      'S-17',
      'A stored session is refreshed once, whatever stands still, dies or loses an answer, as far as that can be',
      'RFC 9700 §4.14.2'
    ],
    [
      'S-18',
      'The issuer ends sessions by a notice that is valid and counts once; nothing else passes for one',
      'OpenID Connect Back-Channel Logout 1.0 §2.6'
    ],
    ['S-19', 'A token of a session that is bound to its key is refused without that key', 'RFC 9449 §7']
  ]),
  Transport: area([
    ['T-01', 'TLS 1.2 or newer; a certificate of another authority, name, purpose or time is refused', 'RFC 9325'],
    ['T-02', 'Clients verify names, and nothing turns that off', 'ASVS 12.3.2'],
    ['T-03', 'Certificates rotate without a dropped request', 'ASVS 12.1.4']
  ]),
  'Audit trail': area([
    ['A1', 'No effect is acknowledged unless its row is committed', 'ASVS 16.5.3'],
    ['A2', 'A killed process leaves no effect without its row', 'ASVS 16.5.3'],
    ['A3', 'Edit, removal, insertion, reordering and truncation are noticed', 'ASVS 16.4.2'],
    ['A4', 'Concurrent writers never fork the chain', 'ASVS 16.4.2'],
    ['A5', 'The application cannot change its trail', 'ASVS 16.4.2'],
    ['A6', 'A row says who, what, when and where, and no secret', 'ASVS 16.2.1'],
    ['A7', 'No content of a field forges or breaks a row', 'ASVS 16.4.1'],
    ['A8', 'Security-relevant events are recorded', 'ASVS 16.3.1'],
    ['A9', 'A full disk fails closed and heals', 'ASVS 16.5.3']
  ]),
  Operation: area([
    ['P1', 'Weak secrets, unknown settings and insecure issuers do not boot', 'ASVS 13.2.3'],
    ['P2', 'SIGTERM drains; a kill leaves nothing stuck', 'ASVS 16.5.2'],
    ['P3', 'Liveness and readiness differ and tell nothing', 'ASVS 13.4.6'],
    ['P4', 'Nothing ends the process silently', 'ASVS 16.5.4'],
    ['P5', 'No secret in logs, metrics, errors or traces', 'ASVS 16.2.5']
  ])
}

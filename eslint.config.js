import neostandard from 'neostandard'

export default [
  ...neostandard({ ts: true, noStyle: true, ignores: ['**/dist/**', '.tap/**', '.sallyport/**'] }),
  {
    files: ['**/*.ts'],
    languageOptions: { parserOptions: { project: './tsconfig.json', tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      'no-void': ['error', { allowAsStatement: true }],
      // What no formatter can break is let through: the text of messages, of SQL and of patterns.
      'max-len': [
        'error',
        { code: 120, ignoreUrls: true, ignoreStrings: true, ignoreTemplateLiterals: true, ignoreRegExpLiterals: true }
      ],
      'max-lines': ['error', { max: 250, skipBlankLines: true }]
    }
  },
  {
    files: ['*/src/**/*.ts', '*/*/src/**/*.ts'],
    ignores: ['plugins/configuration/src/**', '**/src/server.ts', 'deploy/**'],
    rules: {
      'no-restricted-properties': [
        'error',
        { object: 'process', property: 'env', message: 'Read by the configuration plugin and server.ts only.' }
      ],
      'no-restricted-syntax': [
        'error',
        {
          selector: 'Property[key.name="rejectUnauthorized"][value.value=false]',
          message: 'TLS verification is never off.'
        }
      ]
    }
  },
  {
    // The listener for OAuth client certificates takes self-signed ones too (RFC 8705 §2.2): the check is in client authentication.
    files: ['auth-server/src/http/mutual-tls/listener.ts'],
    rules: { 'no-restricted-syntax': 'off' }
  },
  {
    // Tests hand promises to tap, and fixtures are longer than code should be.
    files: ['test/**/*.ts', 'reference-services/*/test/**/*.ts', 'deploy/create-service/templates/*/test/**/*.ts'],
    rules: {
      'max-lines': 'off',
      '@typescript-eslint/no-floating-promises': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off'
    }
  }
]

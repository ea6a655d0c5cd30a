import js from '@eslint/js';
import tseslint from 'typescript-eslint';

/**
 * One direction through the house: each room and the rooms it may not import from
 * (all those above it, and `localnet`, which stands apart).
 */
const rooms = {
  wire: ['mixnet', 'session', 'proxy', 'node', 'localnet', 'app'],
  mixnet: ['session', 'proxy', 'node', 'localnet', 'app'],
  session: ['proxy', 'node', 'localnet', 'app'],
  proxy: ['node', 'localnet', 'app'],
  localnet: ['mixnet', 'session', 'proxy', 'node', 'app'],
  node: ['app'],
};

/** Rooms that run in the browser too, so nothing of Node may be imported there. */
const portable = ['wire', 'session', 'proxy'];

const layering = Object.entries(rooms).map(([room, above]) => ({
  files: [`src/${room}/**/*.ts`],
  rules: {
    'no-restricted-imports': [
      'error',
      {
        patterns: [
          {
            group: above.map((other) => `**/${other}/**`),
            message: `src/${room} may use only rooms below it.`,
          },
          ...(portable.includes(room)
            ? [{ group: ['node:*', 'ws'], message: `src/${room} runs in the browser too.` }]
            : []),
        ],
      },
    ],
  },
}));

export default tseslint.config(
  { ignores: ['dist/', 'dist-app/'] },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { project: './tsconfig.json', tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/consistent-type-imports': 'error',
    },
  },
  {
    files: ['test/**/*.ts'],
    rules: {
      // `describe` and `it` return promises that the runner itself awaits.
      '@typescript-eslint/no-floating-promises': [
        'error',
        {
          allowForKnownSafeCalls: [
            { from: 'package', name: ['it', 'describe', 'test'], package: 'node:test' },
          ],
        },
      ],
    },
  },
  ...layering,
);

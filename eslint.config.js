import js from '@eslint/js';
import tseslint from 'typescript-eslint';

const edges = ['browser', 'node', 'localnet', 'demo', 'app'];
const aboveProxy = ['http', 'websocket', 'tls', ...edges];
const aboveSession = ['lanes', 'proxy', 'streams', ...aboveProxy];
const aboveAdmission = ['session', ...aboveSession];
const aboveWire = ['mixnet', 'admission', ...aboveAdmission];
const aboveBasics = ['wire', ...aboveWire];

const allBut = (rooms, ...own) => rooms.filter((room) => !own.includes(room));

/**
 * One direction through the house: each room and the rooms it may not import from
 * (all those above it, and `localnet`, which stands apart).
 */
const rooms = {
  basics: aboveBasics,
  wire: aboveWire,
  mixnet: allBut(aboveWire, 'mixnet'),
  admission: ['mixnet', ...aboveAdmission],
  session: aboveSession,
  lanes: allBut(aboveSession, 'lanes'),
  proxy: allBut(aboveSession, 'lanes', 'proxy'),
  streams: allBut(aboveSession, 'streams'),
  http: allBut(aboveProxy, 'http'),
  websocket: allBut(aboveProxy, 'http', 'websocket'),
  tls: allBut(aboveProxy, 'tls'),
  localnet: allBut(aboveWire, 'localnet'),
  browser: allBut(edges, 'browser'),
  node: allBut(edges, 'node'),
  demo: ['http', 'websocket', 'app'],
  app: ['node', 'localnet', 'demo'],
};

/** Rooms that run in the browser too, so nothing of Node may be imported there. */
const portable = [
  'basics',
  'wire',
  'admission',
  'session',
  'lanes',
  'proxy',
  'streams',
  'http',
  'websocket',
  'tls',
  'browser',
  'app',
];

const nodeOnly = ['node:*', 'ws', 'fake-indexeddb', 'fake-indexeddb/*', '**/wasm/node.js'];

/** The room `mixnet` has an edge for Node and one for the browser, which do not know each other. */
const mixnetParts = {
  'src/mixnet/*.ts': [...nodeOnly, '**/wasm/browser.js', '**/browser/**'],
  'src/mixnet/browser/**/*.ts': nodeOnly,
  'src/mixnet/node/**/*.ts': ['**/wasm/browser.js', '**/browser/**'],
};

/** Of two such entries for one file only the later counts. */
function mayNotImport(files, room, others, why) {
  const above = rooms[room].map((other) => `**/${other}/**`);
  const patterns = [{ group: above, message: `src/${room} may use only rooms below it.` }];
  if (others.length > 0) patterns.push({ group: others, message: why });
  return { files: [files], rules: { 'no-restricted-imports': ['error', { patterns }] } };
}

const layering = [
  ...Object.keys(rooms).map((room) => {
    const others = portable.includes(room) ? nodeOnly : [];
    return mayNotImport(`src/${room}/**/*.ts`, room, others, `src/${room} runs in the browser too.`);
  }),
  ...Object.entries(mixnetParts).map(([files, others]) =>
    mayNotImport(files, 'mixnet', others, `This is not for the platform of ${files}.`),
  ),
];

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

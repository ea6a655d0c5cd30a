import { lockDirectory } from '../../src/mixnet/node/directory-lock.js';

// Run by directory-lock.test: tries to lock every directory given, and says what came of it.
const directories = process.argv.slice(2);

process.on('message', () => {
  void Promise.all(
    directories.map((directory) =>
      lockDirectory(directory).then(
        () => 'won',
        (error: unknown) => {
          const { code, message } = error as NodeJS.ErrnoException;
          return { code, message };
        },
      ),
    ),
  ).then((results) => process.send?.(results));
});
process.on('disconnect', () => process.exit());
process.send?.('ready');

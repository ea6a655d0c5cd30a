/**
 * A process that logs far more than anybody reads, and says on stdout that it goes on. With `end` it ends by itself.
 *
 * @module
 */
import { Command, Option } from 'commander';

import { runCommand } from '../../src/node/cli/run-command.js';

const command = new Command('flood')
  .addOption(new Option('--log-format <format>').default('text'))
  .addOption(new Option('--lines <n>').argParser(Number).default(20_000))
  .option('--end');

process.exitCode = await runCommand<{ end?: boolean; lines: number }>(command, ({ end, lines }, { log }) =>
  Promise.resolve({
    run: async () => {
      for (let line = 1; line <= lines; line += 1) {
        log.info({ line }, `line ${line} of ${lines}, ${'x'.repeat(80)}`);
        // What can be written is written meanwhile.
        if (line % 1000 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      process.stdout.write('flooded\n');
      if (end) return 0;
      return new Promise<number>((resolve) => {
        process.stdin.on('data', () => {
          log.info('the last line');
          process.stdin.destroy();
          resolve(0);
        });
      });
    },
    close: () => Promise.resolve(),
  }),
);

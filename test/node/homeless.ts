/**
 * Runs a command as a user that has only a number, as containers have.
 *
 * @module
 */
const [, , file = '', ...args] = process.argv;
delete process.env['HOME'];
process.setuid?.(54_321);
const url = new URL(`../../${file}`, import.meta.url);
process.argv = [process.execPath, url.pathname, ...args];
await import(url.href);

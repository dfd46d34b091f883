#!/usr/bin/env node
// The command line `verydeep`: its commands, and how errors become exit codes.
import { Command, CommanderError } from 'commander';
import { UsageError, VerydeepError, messageOf } from '../errors.js';
import { isReadError, readReason } from '../io/readable.js';
import { isTooManyOpen, tooManyOpenMessage } from '../io/open-file.js';
import { allowFewFiles } from './few-files.js';
import { messageForCli } from './flag.js';
import { exitCodes } from './output.js';
import { description, version } from '../version.js';

/** Each command's module is loaded on demand, so that `--help` is fast. */
const commands: readonly (() => Promise<Command>)[] = [
  () => import('./train.js').then((m) => m.command()),
  () => import('./extract.js').then((m) => m.command()),
  () => import('./evaluate.js').then((m) => m.command()),
  () => import('./predict.js').then((m) => m.command()),
  () => import('./export.js').then((m) => m.command()),
  () => import('./features.js').then((m) => m.command()),
  () => import('./weights.js').then((m) => m.command()),
  () => import('./datasets.js').then((m) => m.command()),
  () => import('./doctor.js').then((m) => m.command()),
  () => import('./completion.js').then((m) => m.command()),
];

const main = async (): Promise<void> => {
  const program = new Command('verydeep').description(description).version(version);
  for (const command of await Promise.all(commands.map((load) => load()))) program.addCommand(command);
  for (const command of [program, ...program.commands, ...program.commands.flatMap((c) => c.commands)]) {
    command.exitOverride().showHelpAfterError('(add --help for the options and an example)');
  }
  await program.parseAsync();
};

// A reader such as `head` may close the pipe early: exit silently, as other tools do.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(exitCodes.done);
});

try {
  allowFewFiles();
  await main();
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
  } else if (error instanceof VerydeepError) {
    process.stderr.write(`verydeep: ${messageForCli(error)}\n`);
    process.exitCode = error instanceof UsageError ? exitCodes.usage : exitCodes.failed;
  } else if (isTooManyOpen(error)) {
    process.stderr.write(`verydeep: ${tooManyOpenMessage}\n`);
    process.exitCode = exitCodes.failed;
  } else if (isReadError(error)) {
    // A path of the user that no code was prepared for.
    const { path = 'a file' } = error as NodeJS.ErrnoException;
    process.stderr.write(`verydeep: Cannot read ${path}: ${readReason(error)}.\n`);
    process.exitCode = exitCodes.failed;
  } else {
    const detail = error instanceof Error && process.env['VERYDEEP_DEBUG'] ? `\n${error.stack}` : '';
    process.stderr.write(`verydeep: unexpected error: ${messageOf(error)}${detail}\n`);
    process.exitCode = exitCodes.failed;
  }
}

#!/usr/bin/env node
/** Wires real dependencies; the only file that does. */
process.stdout.write('serin\n');

/**
 * Random histories begin from one seed, so that a change is judged by what it changes; `SERIN_FC_SEED=random` looks for
 * what nobody has seen yet (with `SERIN_FC_RUNS=5000`), and `SERIN_FC_SEED=<n>` looks at it again.
 */
import fc from 'fast-check';

const asked = process.env['SERIN_FC_SEED'] ?? '1';
if (asked !== 'random') fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(asked) });

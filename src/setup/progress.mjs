/** Shows what set-up is doing and for how long: a moving line per task on a terminal, one line per start and end elsewhere. */
const FRAMES = '⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏';
const QUIET_MS = 20_000;

const seconds = (ms) =>
  ms < 60_000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;

/** @param {NodeJS.WriteStream} [out] */
export function createProgress(out = process.stderr) {
  const isLive = Boolean(out.isTTY) && process.env.TERM !== 'dumb' && !process.env.CI;
  const hasColour = isLive && !process.env.NO_COLOR;
  const paint = (code, text) => (hasColour ? `\x1b[${code}m${text}\x1b[0m` : text);
  const active = new Map();
  let drawn = 0;
  let frame = 0;
  let timer;

  const erase = () => {
    if (drawn > 0) out.write(`\x1b[${drawn}A\x1b[0J`);
    drawn = 0;
  };
  const draw = () => {
    erase();
    frame += 1;
    const width = (out.columns || 80) - 1;
    for (const [label, task] of active) {
      const line = `${FRAMES[frame % FRAMES.length]} ${label}  ${task.note}  ${seconds(Date.now() - task.startedMs)}`;
      out.write(`${line.slice(0, width)}\n`);
      drawn += 1;
    }
  };
  const print = (line) => {
    if (isLive) erase();
    out.write(`${line}\n`);
    if (isLive) draw();
  };
  const tick = () => {
    if (isLive) return draw();
    for (const [label, task] of active) {
      if (Date.now() - task.saidMs < QUIET_MS) continue;
      task.saidMs = Date.now();
      out.write(`  … ${label}${task.note ? `: ${task.note}` : ''} (${seconds(Date.now() - task.startedMs)})\n`);
    }
  };

  return {
    print,
    /**
     * Shows `label` while `work` runs; `say` changes the note beside it. `work` may answer a sentence for its closing line.
     * @template T
     * @param {string} label
     * @param {(say: (note: string) => void) => Promise<T>} work
     * @param {(result: T) => {ok: boolean, note?: string}} [judge]
     * @returns {Promise<T>}
     */
    async task(label, work, judge = () => ({ ok: true })) {
      const task = { startedMs: Date.now(), saidMs: Date.now(), note: '' };
      active.set(label, task);
      if (!isLive) out.write(`  ${label} …\n`);
      timer ??= setInterval(tick, isLive ? 90 : 1_000);
      let line = '';
      try {
        const result = await work((note) => {
          task.note = note;
        });
        const { ok, note } = judge(result);
        line = `${ok ? paint(32, '✓') : paint(33, '–')} ${label}${note ? `: ${note}` : ''} (${seconds(Date.now() - task.startedMs)})`;
        return result;
      } catch (error) {
        line = `${paint(31, '✗')} ${label} (${seconds(Date.now() - task.startedMs)})`;
        throw error;
      } finally {
        active.delete(label);
        if (active.size === 0) {
          clearInterval(timer);
          timer = undefined;
        }
        print(line);
      }
    },
  };
}

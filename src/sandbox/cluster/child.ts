/**
 * The sandbox as a process of its own, so that its load and its pods share no event loop with the caller. It ends, and
 * cleans up, when told to, when its parent is gone however that happened, or on SIGTERM. Ctrl-C is the parent's business.
 */
import { type AssembledSandbox, assembleSandbox } from './assemble.ts';
import type { SandboxControls, SandboxOptions } from './controls.ts';
import { type FromSandbox, type ToSandbox, toWire } from './messages.ts';

function main(): void {
  let sandbox: Promise<AssembledSandbox> | undefined;
  const say = (message: FromSandbox): void => {
    if (process.connected) process.send?.(message, () => undefined);
  };
  const end = async (): Promise<void> => {
    const running = await sandbox?.catch(() => undefined);
    await running?.stop();
    process.exit(0);
  };
  const start = async (options: SandboxOptions): Promise<void> => {
    try {
      sandbox = assembleSandbox(options);
      say({ kind: 'ready', addresses: (await sandbox).addresses });
    } catch (thrown) {
      say({ kind: 'failed', error: toWire(thrown) });
    }
  };
  const call = async (id: number, name: keyof SandboxControls, args: readonly unknown[]): Promise<void> => {
    try {
      const controls = (await sandbox)?.controls;
      const control = controls?.[name] as ((...all: readonly unknown[]) => Promise<unknown>) | undefined; // the caller's types hold
      say({ kind: 'answer', id, value: await control?.(...args) });
    } catch (thrown) {
      say({ kind: 'answer', id, error: toWire(thrown) });
    }
  };
  process.on('message', (message: ToSandbox) => {
    if (message.kind === 'start') void start(message.options);
    else if (message.kind === 'call') void call(message.id, message.name, message.args);
    else void end();
  });
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => void end());
  process.on('SIGHUP', () => void end());
  process.on('disconnect', () => void end());
}

main();

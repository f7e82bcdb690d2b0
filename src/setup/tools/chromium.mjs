/** Chromium for browser tests. It has too many libraries to unpack privately: the machine's own, or apt-get when root. */
import { hasApt } from '../debian.mjs';
import { run, which } from '../shell.mjs';

const missing = 'Install Chromium (Debian: apt-get install chromium).';
const find = () => which('chromium') ?? which('chromium-browser') ?? which('google-chrome');

export const chromium = {
  title: 'Chromium',
  names: ['chromium'],
  missing,
  key: () => 'system',
  async ensure({ say, signal }) {
    const own = find();
    if (own !== undefined) return { paths: { chromium: own } };
    if (process.getuid?.() !== 0 || !hasApt()) return { missing };
    say('installing');
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    await run('apt-get', ['update', '-q'], { env, signal });
    await run('apt-get', ['install', '-q', '-y', '--no-install-recommends', 'chromium'], { env, signal });
    const installed = find();
    return installed === undefined ? { missing } : { paths: { chromium: installed } };
  },
};

/** What is kept from run to run to start sooner; it may be deleted at any time. */
import { homedir } from 'node:os';
import { join } from 'node:path';

/** A folder of one's own, so that nobody else can put code or data there. Not made yet; a user without a home has none that can be. */
export const userCacheFolder = (name: 'code' | 'embedded'): string => join(homedir(), '.cache', 'serin', name);

/** Asks a gate over HTTP: one bounded POST, to hosts that the configuration allows. 2xx is open; everything else keeps it closed. */
import { SerinError } from '../errors.ts';
import { exchange } from '../outgoing/exchange.ts';
import type { AskGate, GateQuestion } from './port.ts';

/** A JSON body with what the gate may want to know; no secrets, no evidence. */
export function bodyOf(question: GateQuestion): string {
  const { url: _url, ...rest } = question;
  return JSON.stringify(rest);
}

export function createHttpGate(hosts: readonly string[]): AskGate {
  return async (question, signal) => {
    try {
      const headers = { 'content-type': 'application/json' };
      const { status } = await exchange(question.url, bodyOf(question), { hosts, headers, signal });
      const isOpen = status >= 200 && status < 300;
      return { isOpen, says: isOpen ? `It answered ${status}.` : `It answered ${status}; 2xx would open it.` };
    } catch (thrown) {
      signal.throwIfAborted();
      if (!(thrown instanceof SerinError)) throw thrown;
      return { isOpen: false, says: thrown.message };
    }
  };
}

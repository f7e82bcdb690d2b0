/** A strategy with a gate and a note: a real program is asked, a closed gate holds, an open one lets go on. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { HEALTHY, isPromoted, type Stand, startApp, startStand, until } from '../support/e2e.ts';
import { describeWith } from '../support/tools.ts';

describeWith(['prometheus', 'kubectl'], 'a release with a gate', () => {
  let stand: Stand;
  let gate: Server;
  let isOpen = false;
  const asked: { readonly name: string; readonly step: number; readonly weight: number }[] = [];

  beforeAll(async () => {
    gate = createServer((request, response) => {
      let text = '';
      request.on('data', (chunk: Buffer) => (text += chunk.toString()));
      request.on('end', () => {
        asked.push(JSON.parse(text) as (typeof asked)[number]);
        response.writeHead(isOpen ? 200 : 403).end();
      });
    });
    await new Promise<void>((resolve) => gate.listen(0, '127.0.0.1', resolve));
    stand = await startStand({ seed: 'gates' });
    await stand.startService();
  });
  afterAll(async () => {
    await stand?.stop();
    gate.closeAllConnections();
    gate.close();
  });

  test('stays at its weight while the gate is closed, tells its note, and is promoted once it opens', async () => {
    isOpen = false;
    asked.length = 0;
    const url = `http://127.0.0.1:${(gate.address() as AddressInfo).port}/web`;
    const steps = [{ setWeight: 40 }, { gate: { url } }, { notify: { message: 'The gate was opened.' } }];
    const web = await startApp(stand, 'web', { rps: 100, spec: { strategy: { canary: { steps } } } });
    await web.letOut('v2', '1', HEALTHY);
    await web.until(
      'the gate says no',
      ({ reason, message = '' }) => reason === 'WaitingForGate' && message.includes('It answered 403'),
    );
    expect(await web.status()).toMatchObject({ phase: 'Progressing', weight: 40, step: { waitingFor: 'gate' } });
    expect(asked[0]).toMatchObject({ name: 'web', step: 2, weight: 40 });
    isOpen = true;
    const status = await web.until('promoted', isPromoted);
    expect(status.history).toMatchObject([{ outcome: 'Promoted', attempt: 1 }]);
    const events = await until('the note is an Event', async () => {
      const found = await web.events();
      return found.some(({ reason }) => reason === 'Noted') && found;
    });
    expect(events.filter(({ message }) => message.includes('The gate was opened.'))).toHaveLength(1);
    await until('Slack is told', async () =>
      (await stand.sandbox.messages()).some(({ body }) => body.includes('The gate was opened.')),
    );
  });
});

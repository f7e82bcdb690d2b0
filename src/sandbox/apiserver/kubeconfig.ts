/** The kubeconfig of a sandbox: plain http on the loopback interface, behind a secret path (client-go sends no tokens over http). */
import { stringify } from 'yaml';

/** `insecure-skip-tls-verify` is there because client-node refuses plain http without it. */
export function kubeconfigText(url: string): string {
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'serin-sandbox', cluster: { server: url, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'sandbox-admin', user: {} }],
    contexts: [
      { name: 'serin-sandbox', context: { cluster: 'serin-sandbox', user: 'sandbox-admin', namespace: 'default' } },
    ],
    'current-context': 'serin-sandbox',
  });
}

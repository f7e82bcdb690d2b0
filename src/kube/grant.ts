/** The permission that a namespace gives so that Serin may read one Secret or ConfigMap there, as commands to paste. */

/** `denial` is what the API server said; it names the account that asked. */
export function grantFor(
  namespace: string,
  name: string,
  denial: string,
  resource: 'secrets' | 'configmaps' = 'secrets',
): string {
  const account = /system:serviceaccount:([a-z0-9.-]+):([a-z0-9.-]+)/.exec(denial);
  const who = account === null ? 'serin-system:serin' : `${account[1]}:${account[2]}`;
  const role = `serin-read-${resource === 'secrets' ? '' : 'configmap-'}${name}`;
  return [
    `kubectl create role ${role} -n ${namespace} --verb=get --resource=${resource} --resource-name=${name}`,
    `kubectl create rolebinding ${role} -n ${namespace} --role=${role} --serviceaccount=${who}`,
  ].join(' && ');
}

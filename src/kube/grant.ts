/** The permission that a namespace gives so that Serin may read one Secret there, as commands to paste. */

/** `denial` is what the API server said; it names the account that asked. */
export function grantFor(namespace: string, secret: string, denial: string): string {
  const account = /system:serviceaccount:([a-z0-9.-]+):([a-z0-9.-]+)/.exec(denial);
  const who = account === null ? 'serin-system:serin' : `${account[1]}:${account[2]}`;
  const role = `serin-read-${secret}`;
  return [
    `kubectl create role ${role} -n ${namespace} --verb=get --resource=secrets --resource-name=${secret}`,
    `kubectl create rolebinding ${role} -n ${namespace} --role=${role} --serviceaccount=${who}`,
  ].join(' && ');
}

/** Whether only this machine can be meant: a name or number as it stands in an address, IPv6 with or without brackets. */
export function isLoopback(host: string): boolean {
  return /^(localhost|\[?::1\]?|127\.\d{1,3}\.\d{1,3}\.\d{1,3})$/.test(host);
}

import type { Fleet } from '#core/fleet.ts';
import type { SyncPolicy } from '#core/sync.ts';

/** What a person says of one sync; all else is the fleet file's. */
export type WantedPolicy = Omit<SyncPolicy, 'approvals' | 'approvers' | 'requesterMayApprove' | 'signInInsteadOfCode'>;

/** What the fleet file says of every sync. */
export function rulesOf({ approval, 'console-url': consoleUrl, timeouts, waves }: Fleet, policy: WantedPolicy) {
  return {
    policy: {
      ...policy,
      approvals: approval.required,
      requesterMayApprove: approval['requester-may-approve'],
      ...(approval.approvers !== undefined && { approvers: approval.approvers }),
      ...(approval['sign-in-instead-of-code'] && { signInInsteadOfCode: true as const }),
    },
    waveSize: waves.size,
    errorBudget: waves['error-budget'],
    timeouts: {
      offlineSeconds: timeouts['offline-seconds'],
      inventorySeconds: timeouts['inventory-seconds'],
      applySeconds: timeouts['apply-seconds'],
      approvalSeconds: timeouts['approval-seconds'],
    },
    notify: approval.mail,
    ...(consoleUrl !== undefined && { consoleUrl }),
  };
}

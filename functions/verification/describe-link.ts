import type { Receipt } from '#core/receipt.ts';
import type { ChainLink } from './read-chain.ts';

export function stepOf(order: NonNullable<ChainLink['order']>): 'apply' | 'inventory' | 'verify' {
  return order.step === 'inventory' && order.full === true ? 'verify' : order.step;
}

export function answersWell({ outcome }: Receipt): boolean {
  return outcome === 'DONE' || outcome === 'SUCCEEDED';
}

/** Whether an order met what the one before it had left. */
export function describeBeforeIt({ follows }: ChainLink): { readonly words: string; readonly isWarning: boolean } {
  switch (follows) {
    case 'yes':
      return { words: 'as left', isWarning: false };
    case 'changed-between':
      return { words: 'changed by somebody else in between', isWarning: true };
    case 'other-profile':
      return { words: 'another profile since', isWarning: true };
    case 'unknown':
      return { words: 'not known', isWarning: false };
    case undefined:
      return { words: '', isWarning: false };
  }
}

/** `undefined` where nothing was applied. */
export function changedBy({ approval, receipt }: ChainLink) {
  if (receipt?.outcome !== 'SUCCEEDED') return undefined;
  const { create, remove, update } = receipt.changes;
  return { files: create + update + remove, bytes: approval?.bytes };
}

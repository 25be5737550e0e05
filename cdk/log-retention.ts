import { RetentionDays } from 'aws-cdk-lib/aws-logs';

/** CloudWatch keeps logs for certain numbers of days only. */
export function logRetention(days: number): RetentionDays {
  const known = Object.values(RetentionDays).filter((one) => typeof one === 'number');
  if (!known.includes(days)) {
    const numbers = known.filter((one) => one !== RetentionDays.INFINITE).toSorted((a, b) => a - b);
    throw new Error(`lockstep:logDays is ${days}; CloudWatch knows ${numbers.join(', ')}`);
  }
  return days;
}

import { App, type AppProps, Validations } from 'aws-cdk-lib';
import flags from 'aws-cdk-lib/recommended-feature-flags.json' with { type: 'json' };
import { AwsSolutionsChecks } from 'cdk-nag';
import { acknowledgeWildcards } from './acknowledge-wildcards.ts';
import { LockstepStack } from './lockstep-stack.ts';
import { parseSettings } from './settings.ts';

export interface CreatedApp {
  readonly app: App;
  readonly stack: LockstepStack;
  /** Wildcards of policies that cdk-nag was given a reason for. */
  readonly acknowledged: number;
}

/** The app for a context; `synth()` of it fails where a rule of cdk-nag is broken without a reason. */
export function createApp({ context, ...props }: AppProps = {}): CreatedApp {
  // As of a project that begins with this version of the CDK; here, so that tests and the command line have the same.
  const app = new App({ analyticsReporting: false, context: { ...flags, ...context }, ...props });
  const stack = new LockstepStack(app, parseSettings(app.node.getAllContext()));
  const acknowledged = acknowledgeWildcards(stack);
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app, { verbose: true }));
  return { app, stack, acknowledged };
}

import { createApp } from './create-app.ts';

const { acknowledged, app, stack } = createApp();
app.synth();
// Had cdk-nag found anything, there would be no template, and this would not be reached.
console.error(`cdk-nag (AwsSolutions) is content; ${acknowledged} wildcards have their reasons in docs/permissions.md`);
if (!stack.hasConsole)
  console.error('No console: -c lockstep:console=FILE makes one; docs/deploy.md says what stands in it');

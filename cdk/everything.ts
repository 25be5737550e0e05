/** Context of a stack with all that can be switched on: what docs/permissions.md describes, and the tests look at. */
export const EVERYTHING: Readonly<Record<string, unknown>> = {
  'lockstep:objectLock': 'governance',
  'lockstep:console': {
    oidc: {
      issuer: 'https://login.example.org',
      'client-id': 'lockstep',
      roles: { viewer: ['engineers'], operator: ['operators'], approver: ['approvers'] },
    },
  },
};

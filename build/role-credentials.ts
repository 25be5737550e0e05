/**
 * In the functions' bundles this stands for `@aws-sdk/credential-provider-node`. Lambda puts the credentials of a
 * function's role into its environment; the ways that no function goes (files, SSO, programs, other services) are a tenth
 * of a bundle.
 */
export function defaultProvider() {
  return async () => {
    // biome-ignore lint/style/noProcessEnv: where the SDK's own provider looks, and when
    const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN } = process.env;
    if (AWS_ACCESS_KEY_ID === undefined || AWS_SECRET_ACCESS_KEY === undefined) throw new CredentialsProviderError();
    return {
      accessKeyId: AWS_ACCESS_KEY_ID,
      secretAccessKey: AWS_SECRET_ACCESS_KEY,
      ...(AWS_SESSION_TOKEN !== undefined && { sessionToken: AWS_SESSION_TOKEN }),
    };
  };
}

/** As the SDK names it, and as adapters know it. */
class CredentialsProviderError extends Error {
  override readonly name = 'CredentialsProviderError';
  readonly tryNextLink = false;

  constructor() {
    super('AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not in the environment of the function');
  }
}

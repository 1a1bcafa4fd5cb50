// What the test servers are started with and what the tests use. Loopback only, so no secret.
export const credentials = {
  accessKeyId: 'cloudenv-test',
  secretAccessKey: 'cloudenv-test-secret',
}

export const region = 'us-east-1'

/** The bucket that everybody shares, each below a prefix of their own. */
export const bucket = 'cloudenv-test'

/** With it MinIO does SSE-S3 and SSE-KMS. */
export const kmsKey = { id: 'cloudenv-test-key', secret: 'Y2xvdWRlbnYtdGVzdC1rZXktMzItYnl0ZXMtbG9uZyE=' }

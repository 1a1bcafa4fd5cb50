// Credentials that the test servers start with and the tests use. Loopback only, so they are not secret.
export const credentials = {
  accessKeyId: 'cloudenv-test',
  secretAccessKey: 'cloudenv-test-secret',
}

export const region = 'us-east-1'

/** Bucket that all tests share, each below a prefix of its own. */
export const bucket = 'cloudenv-test'

/** Key that lets MinIO do SSE-S3 and SSE-KMS. */
export const kmsKey = { id: 'cloudenv-test-key', secret: 'Y2xvdWRlbnYtdGVzdC1rZXktMzItYnl0ZXMtbG9uZyE=' }

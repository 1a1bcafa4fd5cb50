import { S3Client } from '@aws-sdk/client-s3'

/** The SDK as lean as its settings allow: no checksums, and connections that stay. */
export function bareClient(endpoint: string): S3Client {
  return new S3Client({
    endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestChecksumCalculation: 'WHEN_REQUIRED',
    requestHandler: { httpAgent: { keepAlive: true, maxSockets: 128 } },
  })
}

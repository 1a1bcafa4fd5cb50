import type { StoreOperation } from './store-request.js'

/** Operations of S3 that need different permissions. */
export type S3Operation = StoreOperation | 'listUploads' | 'listParts' | 'abortUpload' | 'createBucket'

/** The kind as which the request counts. */
export function storeOperation(operation: S3Operation): StoreOperation {
  switch (operation) {
    case 'listUploads':
    case 'listParts':
      return 'list'
    case 'abortUpload':
      return 'delete'
    case 'createBucket':
      return 'put'
    default:
      return operation
  }
}

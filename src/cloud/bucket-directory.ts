/**
 * Path under which RocksDB finds the database of a bucket: the only directory in the Env that serves it. No other text
 * contains this name, so the URL can replace it wherever RocksDB names a file.
 */
export const bucketDirectory = '/.cloudenv-bucket-3f9d1c52'

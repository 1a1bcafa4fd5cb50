/**
 * Where RocksDB finds the database of a bucket: the only directory that there is in the Env that serves it. No other
 * text has this name in it, so that the URL can stand in its place where RocksDB names a file.
 */
export const bucketDirectory = '/.cloudenv-bucket-3f9d1c52'

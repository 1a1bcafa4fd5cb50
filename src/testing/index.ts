/** For tests of stores of your own: `rocksdb-cloud-env/testing`. */

export { type ContractCheck, objectStoreContract } from './object-store-contract.js'

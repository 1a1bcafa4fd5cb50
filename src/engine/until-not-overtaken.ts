import { RocksDBError } from '../binding/rocksdb-error.js'

/** Each attempt after the first fences the present owner before it begins: only other newcomers can overtake it. */
const attempts = 5

/** Opens again if another process changed the database meanwhile, which is Busy. Throws the last error. */
export async function untilNotOvertaken<T>(open: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await open()
    } catch (error) {
      const isOvertaken = error instanceof RocksDBError && error.code === 'Busy'
      if (!isOvertaken || attempt === attempts) throw error
    }
  }
}

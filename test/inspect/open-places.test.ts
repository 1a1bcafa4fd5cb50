import { expect, test, vi } from 'vitest'
import { openPlaces } from '#src/inspect/open-places.js'
import { DirectoryStore } from '#src/store/directory-store.js'

test('where the source cannot be opened, the store of the database is closed again', async () => {
  const close = vi.spyOn(DirectoryStore.prototype, 'close')
  try {
    await expect(openPlaces('file:///database', 'no URL', {})).rejects.toThrow('no URL')
    expect(close).toHaveBeenCalledOnce()
  } finally {
    close.mockRestore()
  }
})

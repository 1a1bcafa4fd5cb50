import { expect, test, vi } from 'vitest'
import { openPlaces } from '#src/catalog/open-places.js'
import { DirectoryStore } from '#src/store/directory-store.js'

test('closes the store of the database if the source cannot be opened', async () => {
  const close = vi.spyOn(DirectoryStore.prototype, 'close')
  try {
    const opening = openPlaces('file:///database', 'mine://source', { storeModule: '/no/such/module.js' })
    await expect(opening).rejects.toThrow('/no/such/module.js')
    expect(close).toHaveBeenCalledOnce()
  } finally {
    close.mockRestore()
  }
})

test('opens nothing if a URL is invalid', async () => {
  await expect(openPlaces('file:///database', 'no URL', {})).rejects.toThrow('no URL')
})

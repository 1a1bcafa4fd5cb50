// The functions of the addon that need no database yet.
#pragma once

#include <napi.h>

namespace cloudenv {

// open({ path, socketPath, readOnly, onlyNamedFamilies, settings, families }): Promise<Database>
Napi::Value OpenDatabase(const Napi::CallbackInfo& info);

// listColumnFamilies(path, socketPath): Promise<string[]>
Napi::Value ListColumnFamiliesAt(const Napi::CallbackInfo& info);

}  // namespace cloudenv

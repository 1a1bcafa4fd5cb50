// RocksDB's options as JavaScript passes them: [[name, value], ...], all strings.
#pragma once

#include <napi.h>

#include <optional>

#include "binding/options.h"

namespace cloudenv {

inline Settings SettingsOf(const Napi::Value& value) {
  const auto array = value.As<Napi::Array>();
  Settings settings;
  for (uint32_t i = 0; i < array.Length(); ++i) {
    const auto pair = array.Get(i).As<Napi::Array>();
    settings.emplace_back(pair.Get(0u).As<Napi::String>().Utf8Value(),
                          pair.Get(1u).As<Napi::String>().Utf8Value());
  }
  return settings;
}

// A RangeError for an option that RocksDB doesn't have, a TypeError for a value that doesn't suit.
inline bool ThrowIfBad(Napi::Env env, const std::optional<BadOption>& bad) {
  if (!bad) return false;
  if (bad->kind == BadOption::Kind::kUnknown) {
    Napi::RangeError::New(env, bad->message).ThrowAsJavaScriptException();
  } else {
    Napi::TypeError::New(env, bad->message).ThrowAsJavaScriptException();
  }
  return true;
}

}  // namespace cloudenv

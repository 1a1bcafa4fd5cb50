#include "binding/options.h"

#include <rocksdb/convenience.h>
#include <rocksdb/table.h>

#include <memory>
#include <unordered_map>

namespace cloudenv {

namespace {

using rocksdb::ColumnFamilyOptions;
using rocksdb::ConfigOptions;
using rocksdb::DBOptions;
using rocksdb::Status;

using OptionMap = std::unordered_map<std::string, std::string>;

ConfigOptions StrictConfig() {
  ConfigOptions config;
  config.input_strings_escaped = false;
  config.ignore_unknown_options = false;
  config.ignore_unsupported_options = false;
  return config;
}

// The options that RocksDB lists. It accepts a few more (block_based_table_factory, wal_dir), so an option
// missing here may still exist.
struct KnownOptions {
  OptionMap database;
  OptionMap family;

  KnownOptions() {
    const OptionDefaults defaults = ListOptionDefaults();
    rocksdb::StringToMap(defaults.database, &database).PermitUncheckedError();
    rocksdb::StringToMap(defaults.family, &family).PermitUncheckedError();
  }
};

const KnownOptions& Known() {
  static const KnownOptions known;
  return known;
}

BadOption Refused(const std::string& name, const std::string& value, const Status& status) {
  return {BadOption::Kind::kWrongType,
          "RocksDB refuses option \"" + name + "\" = \"" + value + "\": " + status.ToString()};
}

Status ApplyOne(const std::string& name, const std::string& value, DBOptions* options) {
  const DBOptions base = *options;
  return rocksdb::GetDBOptionsFromMap(StrictConfig(), base, {{name, value}}, options);
}

Status ApplyOne(const std::string& name, const std::string& value, ColumnFamilyOptions* options) {
  const ColumnFamilyOptions base = *options;
  return rocksdb::GetColumnFamilyOptionsFromMap(StrictConfig(), base, {{name, value}}, options);
}

template <typename Options>
bool HasOption(const std::string& name, const OptionMap& listed) {
  if (listed.count(name) > 0) return true;
  // An unlisted option of RocksDB accepts one of these.
  for (const char* value : {"", "{}", "0", "nullptr"}) {
    Options options;
    if (ApplyOne(name, value, &options).ok()) return true;
  }
  return false;
}

template <typename Options>
bool TakesAnyText(const std::string& path) {
  Options options;
  return ApplyOne(path, "{no_such_option=no value}", &options).ok();
}

template <typename Options>
std::optional<BadOption> Apply(const std::string& name, const std::string& value, Options* options) {
  const Status status = ApplyOne(name, value, options);
  if (!status.ok()) return Refused(name, value, status);
  return std::nullopt;
}

BadOption Unknown(const std::string& name) {
  return {BadOption::Kind::kUnknown, "unknown option \"" + name + "\""};
}

}  // namespace

OptionDefaults ListOptionDefaults() {
  OptionDefaults defaults;
  const ConfigOptions config = StrictConfig();
  rocksdb::GetStringFromDBOptions(config, DBOptions(), &defaults.database).PermitUncheckedError();
  rocksdb::GetStringFromColumnFamilyOptions(config, ColumnFamilyOptions(), &defaults.family)
      .PermitUncheckedError();
  const std::unique_ptr<rocksdb::TableFactory> table(rocksdb::NewBlockBasedTableFactory());
  table->GetOptionString(config, &defaults.table).PermitUncheckedError();
  return defaults;
}

bool HasOption(const std::string& name) {
  return HasOption<DBOptions>(name, Known().database) || HasOption<ColumnFamilyOptions>(name, Known().family);
}

bool TakesAnyText(const std::string& path) {
  return TakesAnyText<DBOptions>(path) || TakesAnyText<ColumnFamilyOptions>(path);
}

std::optional<BadOption> ApplySettings(const Settings& settings, DBOptions* db_options,
                                       ColumnFamilyOptions* family_options) {
  const KnownOptions& known = Known();
  for (const auto& [name, value] : settings) {
    std::optional<BadOption> bad;
    if (HasOption<DBOptions>(name, known.database)) {
      bad = Apply(name, value, db_options);
    } else if (HasOption<ColumnFamilyOptions>(name, known.family)) {
      bad = Apply(name, value, family_options);
    } else {
      bad = Unknown(name);
    }
    if (bad) return bad;
  }
  return std::nullopt;
}

std::optional<BadOption> ApplySettings(const Settings& settings, ColumnFamilyOptions* family_options) {
  const KnownOptions& known = Known();
  for (const auto& [name, value] : settings) {
    std::optional<BadOption> bad;
    if (HasOption<ColumnFamilyOptions>(name, known.family)) {
      bad = Apply(name, value, family_options);
    } else if (HasOption<DBOptions>(name, known.database)) {
      bad = BadOption{BadOption::Kind::kUnknown,
                      "option \"" + name + "\" is one of the database, not of a column family"};
    } else {
      bad = Unknown(name);
    }
    if (bad) return bad;
  }
  return std::nullopt;
}

}  // namespace cloudenv

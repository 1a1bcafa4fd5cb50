#include "binding/options.h"

#include <rocksdb/convenience.h>

#include <algorithm>
#include <numeric>
#include <regex>
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

// The names of options and their defaults, as RocksDB lists them. It accepts a few more than it lists
// (block_based_table_factory, wal_dir), so what is missing here is not yet unknown.
struct KnownOptions {
  OptionMap database;
  OptionMap family;

  KnownOptions() {
    std::string text;
    if (rocksdb::GetStringFromDBOptions(StrictConfig(), DBOptions(), &text).ok()) {
      rocksdb::StringToMap(text, &database).PermitUncheckedError();
    }
    if (rocksdb::GetStringFromColumnFamilyOptions(StrictConfig(), ColumnFamilyOptions(), &text).ok()) {
      rocksdb::StringToMap(text, &family).PermitUncheckedError();
    }
  }
};

const KnownOptions& Known() {
  static const KnownOptions known;
  return known;
}

// Levenshtein's distance.
size_t EditDistance(const std::string& a, const std::string& b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0]++;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

BadOption UnknownOption(const std::string& name, std::vector<const OptionMap*> candidates) {
  std::string nearest;
  size_t nearest_distance = name.size() / 2;
  for (const OptionMap* options : candidates) {
    for (const auto& option : *options) {
      const size_t distance = EditDistance(name, option.first);
      if (distance >= nearest_distance) continue;
      nearest_distance = distance;
      nearest = option.first;
    }
  }
  std::string message = "unknown option \"" + name + "\"";
  if (!nearest.empty()) message += ", did you mean \"" + nearest + "\"?";
  return {BadOption::Kind::kUnknown, message};
}

// RocksDB reads "1.5" and "4x" as the integers 1 and 4, so the kind of a default decides what a value must
// be.
std::optional<BadOption> CheckKind(const std::string& name, const std::string& value,
                                   const std::string& default_value) {
  static const std::regex boolean("true|false");
  static const std::regex integer("-?[0-9]+");
  static const std::regex number("-?[0-9]+\\.[0-9]+");
  static const std::regex boolean_value("true|false|0|1");
  static const std::regex integer_value("-?[0-9]+([kKmMgGtT][bB]?)?");
  static const std::regex number_value("-?[0-9]+(\\.[0-9]*)?([eE][-+]?[0-9]+)?");

  const auto expect = [&](const char* what, const std::regex& form) -> std::optional<BadOption> {
    if (std::regex_match(value, form)) return std::nullopt;
    return BadOption{BadOption::Kind::kWrongType,
                     "expected option \"" + name + "\" to be " + what + ", got \"" + value + "\""};
  };
  if (std::regex_match(default_value, boolean)) return expect("true or false", boolean_value);
  if (std::regex_match(default_value, integer)) return expect("an integer", integer_value);
  if (std::regex_match(default_value, number)) return expect("a number", number_value);
  return std::nullopt;
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
  // One that RocksDB has but does not list takes one of these.
  for (const char* value : {"", "{}", "0", "nullptr"}) {
    Options options;
    if (ApplyOne(name, value, &options).ok()) return true;
  }
  return false;
}

template <typename Options>
std::optional<BadOption> Apply(const std::string& name, const std::string& value, const OptionMap& listed,
                               Options* options) {
  const auto found = listed.find(name);
  if (found != listed.end()) {
    if (std::optional<BadOption> bad = CheckKind(name, value, found->second)) return bad;
  }
  const Status status = ApplyOne(name, value, options);
  if (!status.ok()) return Refused(name, value, status);
  return std::nullopt;
}

}  // namespace

std::optional<BadOption> ApplySettings(const Settings& settings, DBOptions* db_options,
                                       ColumnFamilyOptions* family_options) {
  const KnownOptions& known = Known();
  for (const auto& [name, value] : settings) {
    std::optional<BadOption> bad;
    if (HasOption<DBOptions>(name, known.database)) {
      bad = Apply(name, value, known.database, db_options);
    } else if (HasOption<ColumnFamilyOptions>(name, known.family)) {
      bad = Apply(name, value, known.family, family_options);
    } else {
      bad = UnknownOption(name, {&known.database, &known.family});
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
      bad = Apply(name, value, known.family, family_options);
    } else if (HasOption<DBOptions>(name, known.database)) {
      bad = BadOption{BadOption::Kind::kUnknown,
                      "option \"" + name + "\" is one of the database, not of a column family"};
    } else {
      bad = UnknownOption(name, {&known.family});
    }
    if (bad) return bad;
  }
  return std::nullopt;
}

}  // namespace cloudenv

// RocksDB's options from strings, through RocksDB's own parser: every option of the linked RocksDB works
// without a line about it here.
#pragma once

#include <rocksdb/options.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace cloudenv {

// Option names and values in RocksDB's own text form, in the order in which they apply. A nested option such
// as block_based_table_factory changes the existing one, so later ones add to earlier ones.
using Settings = std::vector<std::pair<std::string, std::string>>;

// Every option with its default, in RocksDB's own text form. `table` is for the block-based table.
struct OptionDefaults {
  std::string database;
  std::string family;
  std::string table;
};

OptionDefaults ListOptionDefaults();

// Reports whether there is such an option, of the database or of a column family.
bool HasOption(const std::string& name);

// Reports whether RocksDB does not even parse the value: of a text option, or a former option that does
// nothing.
bool TakesAnyText(const std::string& path);

struct BadOption {
  enum class Kind { kUnknown, kWrongType };
  Kind kind;
  std::string message;
};

// Assigns each setting to the database or to the column family.
std::optional<BadOption> ApplySettings(const Settings& settings, rocksdb::DBOptions* db_options,
                                       rocksdb::ColumnFamilyOptions* family_options);

// The same for a column family alone.
std::optional<BadOption> ApplySettings(const Settings& settings,
                                       rocksdb::ColumnFamilyOptions* family_options);

}  // namespace cloudenv

# Target SystemRocksDB: the shared librocksdb of this system, 7.8 or newer.
include(CheckCXXSourceCompiles)

string(CONCAT rocksdb_advice
  "Install it with 'apt install librocksdb-dev' or 'brew install rocksdb'; "
  "one in another place is found with -DCMAKE_PREFIX_PATH=<its prefix>.")

# Without a version, because RocksDB's version file refuses every other major version.
find_package(RocksDB CONFIG QUIET)

add_library(SystemRocksDB INTERFACE)
if(TARGET RocksDB::rocksdb-shared)
  set(rocksdb_version ${RocksDB_VERSION})
  set(ROCKSDB_LIBRARY RocksDB::rocksdb-shared)
else()
  # A package without its CMake config, or with one that wants compression libraries' development files.
  find_path(ROCKSDB_INCLUDE_DIR rocksdb/version.h)
  find_library(ROCKSDB_LIBRARY rocksdb)
  if(NOT ROCKSDB_INCLUDE_DIR OR NOT ROCKSDB_LIBRARY)
    message(FATAL_ERROR "RocksDB was not found. ${rocksdb_advice}")
  endif()
  if(ROCKSDB_LIBRARY MATCHES "\\.a$")
    message(FATAL_ERROR "${ROCKSDB_LIBRARY} is a static library; a shared librocksdb is needed. ${rocksdb_advice}")
  endif()
  file(STRINGS ${ROCKSDB_INCLUDE_DIR}/rocksdb/version.h version_lines REGEX "#define ROCKSDB_(MAJOR|MINOR|PATCH)")
  string(REGEX REPLACE "[^0-9]*([0-9]+)[^0-9]+([0-9]+)[^0-9]+([0-9]+).*" "\\1.\\2.\\3" rocksdb_version "${version_lines}")
  target_include_directories(SystemRocksDB SYSTEM INTERFACE ${ROCKSDB_INCLUDE_DIR})
endif()
target_link_libraries(SystemRocksDB INTERFACE ${ROCKSDB_LIBRARY})

if(rocksdb_version VERSION_LESS 7.8)
  message(FATAL_ERROR "RocksDB ${rocksdb_version} is too old: 7.8 or newer is needed. ${rocksdb_advice}")
endif()
if(rocksdb_version VERSION_GREATER_EQUAL 8.1 AND rocksdb_version VERSION_LESS 8.3.3)
  message(FATAL_ERROR "RocksDB ${rocksdb_version} loses data: its compactions leave out tables that they cannot read. "
    "Use 7.8 to 8.0, or 8.3.3 or newer. ${rocksdb_advice}")
endif()
message(STATUS "RocksDB ${rocksdb_version}")

# A librocksdb that was built without run-time type information lacks what our subclasses would refer to.
set(CMAKE_REQUIRED_LIBRARIES ${ROCKSDB_LIBRARY})
set(CMAKE_REQUIRED_INCLUDES ${ROCKSDB_INCLUDE_DIR})
check_cxx_source_compiles("
  #include <rocksdb/file_system.h>
  struct Derived : rocksdb::FileSystemWrapper {
    Derived() : FileSystemWrapper(rocksdb::FileSystem::Default()) {}
    const char* Name() const override { return \"\"; }
  };
  int main() { Derived derived; return derived.Name()[0]; }" ROCKSDB_HAS_RTTI)
unset(CMAKE_REQUIRED_LIBRARIES)
unset(CMAKE_REQUIRED_INCLUDES)
if(NOT ROCKSDB_HAS_RTTI)
  target_compile_options(SystemRocksDB INTERFACE -fno-rtti)
endif()
